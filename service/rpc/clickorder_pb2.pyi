from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_MISSED_TARGET: _ClassVar[Reason]
    REASON_AMBIGUOUS: _ClassVar[Reason]
    REASON_LOW_CONFIDENCE: _ClassVar[Reason]
    REASON_EMPTY_PROMPT_IMAGE: _ClassVar[Reason]
    REASON_MISSING_TARGET: _ClassVar[Reason]
REASON_UNSPECIFIED: Reason
REASON_MISSED_TARGET: Reason
REASON_AMBIGUOUS: Reason
REASON_LOW_CONFIDENCE: Reason
REASON_EMPTY_PROMPT_IMAGE: Reason
REASON_MISSING_TARGET: Reason

class Box(_message.Message):
    __slots__ = ("x1", "y1", "x2", "y2")
    X1_FIELD_NUMBER: _ClassVar[int]
    Y1_FIELD_NUMBER: _ClassVar[int]
    X2_FIELD_NUMBER: _ClassVar[int]
    Y2_FIELD_NUMBER: _ClassVar[int]
    x1: int
    y1: int
    x2: int
    y2: int
    def __init__(self, x1: _Optional[int] = ..., y1: _Optional[int] = ..., x2: _Optional[int] = ..., y2: _Optional[int] = ...) -> None: ...

class Words(_message.Message):
    __slots__ = ("words",)
    WORDS_FIELD_NUMBER: _ClassVar[int]
    words: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, words: _Optional[_Iterable[str]] = ...) -> None: ...

class Icons(_message.Message):
    __slots__ = ("pictures",)
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    pictures: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, pictures: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Prompt(_message.Message):
    __slots__ = ("words", "icons", "image", "region", "text", "count")
    WORDS_FIELD_NUMBER: _ClassVar[int]
    ICONS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    words: Words
    icons: Icons
    image: bytes
    region: Box
    text: str
    count: Count
    def __init__(self, words: _Optional[_Union[Words, _Mapping]] = ..., icons: _Optional[_Union[Icons, _Mapping]] = ..., image: _Optional[bytes] = ..., region: _Optional[_Union[Box, _Mapping]] = ..., text: _Optional[str] = ..., count: _Optional[_Union[Count, _Mapping]] = ...) -> None: ...

class Count(_message.Message):
    __slots__ = ("least", "greatest")
    LEAST_FIELD_NUMBER: _ClassVar[int]
    GREATEST_FIELD_NUMBER: _ClassVar[int]
    least: int
    greatest: int
    def __init__(self, least: _Optional[int] = ..., greatest: _Optional[int] = ...) -> None: ...

class Options(_message.Message):
    __slots__ = ("min_confidence", "draw", "confidence", "iou", "effort", "deadline_ms")
    MIN_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    DRAW_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    min_confidence: float
    draw: bool
    confidence: float
    iou: float
    effort: str
    deadline_ms: int
    def __init__(self, min_confidence: _Optional[float] = ..., draw: _Optional[bool] = ..., confidence: _Optional[float] = ..., iou: _Optional[float] = ..., effort: _Optional[str] = ..., deadline_ms: _Optional[int] = ...) -> None: ...

class SolveRequest(_message.Message):
    __slots__ = ("background", "prompt", "options", "model", "site", "type")
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SITE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    background: bytes
    prompt: Prompt
    options: Options
    model: str
    site: str
    type: str
    def __init__(self, background: _Optional[bytes] = ..., prompt: _Optional[_Union[Prompt, _Mapping]] = ..., options: _Optional[_Union[Options, _Mapping]] = ..., model: _Optional[str] = ..., site: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class Click(_message.Message):
    __slots__ = ("x", "y", "box", "label", "confidence", "name")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    x: int
    y: int
    box: Box
    label: str
    confidence: float
    name: str
    def __init__(self, x: _Optional[int] = ..., y: _Optional[int] = ..., box: _Optional[_Union[Box, _Mapping]] = ..., label: _Optional[str] = ..., confidence: _Optional[float] = ..., name: _Optional[str] = ...) -> None: ...

class DetectedBox(_message.Message):
    __slots__ = ("box", "confidence", "class_name")
    BOX_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    box: Box
    confidence: float
    class_name: str
    def __init__(self, box: _Optional[_Union[Box, _Mapping]] = ..., confidence: _Optional[float] = ..., class_name: _Optional[str] = ...) -> None: ...

class Size(_message.Message):
    __slots__ = ("width", "height")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class SolveResponse(_message.Message):
    __slots__ = ("solved", "reason", "confidence", "clicks", "boxes", "image", "models", "timings_ms", "request_id", "drawing")
    class ModelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class TimingsMsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SOLVED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CLICKS_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_MS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DRAWING_FIELD_NUMBER: _ClassVar[int]
    solved: bool
    reason: Reason
    confidence: float
    clicks: _containers.RepeatedCompositeFieldContainer[Click]
    boxes: _containers.RepeatedCompositeFieldContainer[DetectedBox]
    image: Size
    models: _containers.ScalarMap[str, str]
    timings_ms: _containers.ScalarMap[str, float]
    request_id: str
    drawing: bytes
    def __init__(self, solved: _Optional[bool] = ..., reason: _Optional[_Union[Reason, str]] = ..., confidence: _Optional[float] = ..., clicks: _Optional[_Iterable[_Union[Click, _Mapping]]] = ..., boxes: _Optional[_Iterable[_Union[DetectedBox, _Mapping]]] = ..., image: _Optional[_Union[Size, _Mapping]] = ..., models: _Optional[_Mapping[str, str]] = ..., timings_ms: _Optional[_Mapping[str, float]] = ..., request_id: _Optional[str] = ..., drawing: _Optional[bytes] = ...) -> None: ...

class Length(_message.Message):
    __slots__ = ("least", "greatest")
    LEAST_FIELD_NUMBER: _ClassVar[int]
    GREATEST_FIELD_NUMBER: _ClassVar[int]
    least: int
    greatest: int
    def __init__(self, least: _Optional[int] = ..., greatest: _Optional[int] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("image", "charset", "length", "color", "model", "site", "type")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    CHARSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SITE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    charset: str
    length: Length
    color: str
    model: str
    site: str
    type: str
    def __init__(self, image: _Optional[bytes] = ..., charset: _Optional[str] = ..., length: _Optional[_Union[Length, _Mapping]] = ..., color: _Optional[str] = ..., model: _Optional[str] = ..., site: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class Character(_message.Message):
    __slots__ = ("char", "confidence")
    CHAR_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    char: str
    confidence: float
    def __init__(self, char: _Optional[str] = ..., confidence: _Optional[float] = ...) -> None: ...

class ReadResponse(_message.Message):
    __slots__ = ("text", "confidence", "characters", "models", "timings_ms", "request_id")
    class ModelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class TimingsMsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_MS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    text: str
    confidence: float
    characters: _containers.RepeatedCompositeFieldContainer[Character]
    models: _containers.ScalarMap[str, str]
    timings_ms: _containers.ScalarMap[str, float]
    request_id: str
    def __init__(self, text: _Optional[str] = ..., confidence: _Optional[float] = ..., characters: _Optional[_Iterable[_Union[Character, _Mapping]]] = ..., models: _Optional[_Mapping[str, str]] = ..., timings_ms: _Optional[_Mapping[str, float]] = ..., request_id: _Optional[str] = ...) -> None: ...

class NamesRequest(_message.Message):
    __slots__ = ("q", "limit", "model", "site", "type")
    Q_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SITE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    q: str
    limit: int
    model: str
    site: str
    type: str
    def __init__(self, q: _Optional[str] = ..., limit: _Optional[int] = ..., model: _Optional[str] = ..., site: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class NameList(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class Name(_message.Message):
    __slots__ = ("id", "names")
    class NamesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: NameList
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[NameList, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    id: str
    names: _containers.MessageMap[str, NameList]
    def __init__(self, id: _Optional[str] = ..., names: _Optional[_Mapping[str, NameList]] = ...) -> None: ...

class NamesResponse(_message.Message):
    __slots__ = ("names", "total")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedCompositeFieldContainer[Name]
    total: int
    def __init__(self, names: _Optional[_Iterable[_Union[Name, _Mapping]]] = ..., total: _Optional[int] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("status", "code", "detail", "request_id", "retry_after_s")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    status: int
    code: str
    detail: str
    request_id: str
    retry_after_s: int
    def __init__(self, status: _Optional[int] = ..., code: _Optional[str] = ..., detail: _Optional[str] = ..., request_id: _Optional[str] = ..., retry_after_s: _Optional[int] = ...) -> None: ...

class SolveBatchRequest(_message.Message):
    __slots__ = ("id", "puzzle")
    ID_FIELD_NUMBER: _ClassVar[int]
    PUZZLE_FIELD_NUMBER: _ClassVar[int]
    id: str
    puzzle: SolveRequest
    def __init__(self, id: _Optional[str] = ..., puzzle: _Optional[_Union[SolveRequest, _Mapping]] = ...) -> None: ...

class SolveBatchResponse(_message.Message):
    __slots__ = ("id", "answer", "problem")
    ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    id: str
    answer: SolveResponse
    problem: Problem
    def __init__(self, id: _Optional[str] = ..., answer: _Optional[_Union[SolveResponse, _Mapping]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class ReadBatchRequest(_message.Message):
    __slots__ = ("id", "picture")
    ID_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    id: str
    picture: ReadRequest
    def __init__(self, id: _Optional[str] = ..., picture: _Optional[_Union[ReadRequest, _Mapping]] = ...) -> None: ...

class ReadBatchResponse(_message.Message):
    __slots__ = ("id", "answer", "problem")
    ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    id: str
    answer: ReadResponse
    problem: Problem
    def __init__(self, id: _Optional[str] = ..., answer: _Optional[_Union[ReadResponse, _Mapping]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...
