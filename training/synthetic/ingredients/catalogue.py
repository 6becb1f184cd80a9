"""Which packages ingredients come from, and which split each family and collection belongs to.

The tables are explicit: a family or collection stays in its split for good, so that a picture of
the benchmark never shows a shape that a model was trained on. What shares a drawing is one design
and has one split, whatever the packages call it.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Literal

from training.synthetic.ingredients.reserved import Kind

Split = Literal["train", "validation", "test"]
Client = Literal["apt", "npm", "pypi"]

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Package:
    """A package of ingredients.

    `files` is a regular expression for paths inside the package (a match anywhere counts),
    `families` one for the font families that are taken, `faces` the places that are taken in a
    font collection file (empty takes all).
    """

    kind: Kind
    client: Client
    name: str
    version: str | None = None
    files: str = ""
    families: str = ""
    faces: tuple[int, ...] = ()

    @property
    def recipe(self) -> str:
        """Changes with the package's entry here, so that the package is then built again."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """Its name in messages."""
        source = {"apt": "Debian package", "npm": "npm package", "pypi": "PyPI package"}
        return f"{source[self.client]} {self.name}"


@dataclass(frozen=True, slots=True)
class Design:
    """Names (beginnings of font family names, or icon prefixes) that share a drawing."""

    name: str
    split: Split
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Packages and the tables of splits."""

    packages: tuple[Package, ...]
    fonts: tuple[Design, ...]
    icons: tuple[Design, ...]

    def font_split(self, family: str) -> tuple[str, Split]:
        """Design group and split of a font family; the longest beginning listed wins.

        A family that is not listed can only be a font of this machine: all families that begin
        with the same word are then one design, placed by its hash.
        """
        plain = plain_name(family)
        known = [
            (len(plain_name(member)), design)
            for design in self.fonts
            for member in design.members
            if plain.startswith(plain_name(member))
        ]
        if known:
            design = max(known, key=lambda pair: pair[0])[1]
            return design.name, design.split
        word = plain_name(family.split()[0]) if family.split() else plain
        return word, hashed_split(f"font/{word}")

    def icon_split(self, collection: str) -> tuple[str, Split]:
        """Design group and split of an icon collection."""
        for design in self.icons:
            if collection in design.members:
                return design.name, design.split
        return collection, hashed_split(f"icon/{collection}")

    def photo_split(self, motif: str) -> Split:
        """Split of a picture, by the hash of its package and motif."""
        return hashed_split(f"photo/{motif}")


def hashed_split(name: str) -> Split:
    """A split that depends on the name alone: 70 % train, 15 % validation, 15 % test."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 100
    return "train" if place < 70 else "validation" if place < 85 else "test"


def plain_name(name: str) -> str:
    """Letters and digits of a name, case folded: the form in which family names are compared."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character.isalnum())


def _debian_fonts(names: str) -> tuple[Package, ...]:
    return tuple(Package("font", "apt", f"fonts-{name}") for name in names.split())


def _fontsource(name: str, version: str) -> Package:
    # The whole simplified part is one file; the numbered slices beside it are the same glyphs.
    return Package(
        "font", "npm", f"@fontsource/{name}", version, r"chinese-simplified-400-normal\.woff2$"
    )


def _iconify(prefix: str, version: str) -> Package:
    return Package("icon", "npm", f"@iconify-json/{prefix}", version, r"/icons\.json$")


_FONT_PACKAGES = (
    # Simplified Chinese faces only: the other regions' faces hold nearly the same drawings.
    Package("font", "apt", "fonts-noto-cjk", families=r"^Noto (Sans|Serif) CJK SC"),
    Package("font", "apt", "fonts-noto-cjk-extra", families=r"^Noto (Sans|Serif) CJK SC"),
    Package("font", "apt", "fonts-arphic-ukai", faces=(0, 2)),
    Package("font", "apt", "fonts-arphic-uming", faces=(0, 2)),
    # One face each: the others hold characters beyond U+9FFF, other kana, or cursive script that
    # a reader of today cannot read.
    Package("font", "apt", "fonts-cns11643-kai", families=r"^TW-Kai$"),
    Package("font", "apt", "fonts-cns11643-sung", families=r"^TW-Sung$"),
    Package("font", "apt", "fonts-hanazono", families=r"^HanaMinA$"),
    Package("font", "apt", "fonts-kouzan-mouhitsu", families=r"^KouzanBrushFont(Gyousyo)?$"),
    Package("font", "apt", "fonts-yozvox-yozfont-standard-kana", families=r"^YOzS(b|i|bi)?$"),
    Package("font", "apt", "fonts-wqy-zenhei", faces=(0,)),
    Package("font", "apt", "fonts-wqy-microhei", faces=(0,)),
    *_debian_fonts(
        "arphic-gkai00mp arphic-gbsn00lp arphic-bkai00mp arphic-bsmi00lp babelstone-han"
        " droid-fallback smiley-sans"
        " cwtex-fs cwtex-heib cwtex-kai cwtex-ming cwtex-yen"
        # Japanese hands and display faces: their characters are fewer, their shapes are not.
        " seto yusei-magic reggae dotgothic16 rampart stick rocknroll aoyagi-soseki"
        " motoya-l-maruberi dejima-mincho kiloji"
    ),
    _fontsource("ma-shan-zheng", "5.3.1"),
    _fontsource("zcool-kuaile", "5.3.0"),
    _fontsource("zcool-xiaowei", "5.3.0"),
    _fontsource("zcool-qingke-huangyou", "5.3.0"),
    _fontsource("liu-jian-mao-cao", "5.3.0"),
    _fontsource("long-cang", "5.3.0"),
    _fontsource("zhi-mang-xing", "5.3.0"),
    _fontsource("wdxl-lubrifont-sc", "5.3.0"),
    Package("font", "apt", "fonts-inter", families=r"^Inter$"),
    *_debian_fonts(
        "dejavu-core dejavu-extra liberation roboto-unhinted roboto-slab lato firacode comfortaa"
        " humor-sans dancingscript breip leckerli-one averia-sans-gwf courier-prime lobster"
        " bebas-neue league-spartan inconsolata gnutypewriter staypuft cabinsketch oldstandard"
        " quicksand jura open-sans comic-neue kaushanscript cantarell anonymous-pro"
        " yanone-kaffeesatz vollkorn femkeklaver rufscript jetbrains-mono quattrocento"
        " play dosis tomsontalks dkg-handwriting ocr-a"
    ),
)

_FONT_DESIGNS = (
    # Chinese: hei (sans), song (serif), kai (brush-regular), fangsong, then hands and display.
    Design(
        "source-han-sans",
        "train",
        (
            "Noto Sans CJK",
            "Source Han Sans",
            "Noto Sans SC",
            "Noto Sans TC",
            "Noto Sans Mono CJK",
            "思源黑体",
        ),
    ),
    Design(
        "source-han-serif",
        "train",
        ("Noto Serif CJK", "Source Han Serif", "Noto Serif SC", "Noto Serif TC", "思源宋体"),
    ),
    Design("wqy-zenhei", "train", ("WenQuanYi Zen Hei", "文泉驛正黑", "文泉驿正黑")),
    # BabelStone Han grew out of Arphic's Song drawings, as UMing did.
    Design(
        "arphic-song", "train", ("AR PL UMing", "AR PL SungtiL", "AR PL Mingti2L", "BabelStone Han")
    ),
    # The cwTeX Kai outlines are those of AR PL KaitiM (0.985 correlation of drawn glyphs).
    Design("arphic-kai", "train", ("AR PL UKai", "AR PL KaitiM", "cwTeXKai", "cwTeX Kai")),
    Design("cwtex-fangsong", "train", ("cwTeX FangSong", "cwTeXFangSong")),
    Design("hanazono", "train", ("HanaMin", "Hanazono", "花園明朝")),
    Design("ma-shan-zheng", "train", ("Ma Shan Zheng",)),
    Design("zcool-kuaile", "train", ("ZCOOL KuaiLe",)),
    Design("zcool-xiaowei", "train", ("ZCOOL XiaoWei",)),
    Design("liu-jian-mao-cao", "train", ("Liu Jian Mao Cao",)),
    Design("seto", "train", ("SetoFont",)),
    Design("yozfont", "train", ("YOzFont", "YOz")),
    Design("reggae", "train", ("Reggae",)),
    Design("rampart", "train", ("Rampart",)),
    Design("dotgothic16", "train", ("DotGothic16",)),
    Design(
        "kouzan",
        "train",
        ("KouzanMouhitsu", "Kouzan", "AoyagiKouzan", "AoyagiSoseki", "衡山毛筆", "青柳"),
    ),
    Design("dejima-mincho", "train", ("Dejima", "出島明朝")),
    # Yen is HeiBold with round ends.
    Design("cwtex-hei", "validation", ("cwTeXHei", "cwTeX Hei", "cwTeXYen", "cwTeX Yen")),
    Design("cwtex-ming", "validation", ("cwTeX Ming", "cwTeXMing")),
    Design("zhi-mang-xing", "validation", ("Zhi Mang Xing",)),
    Design("smiley-sans", "validation", ("Smiley Sans", "得意黑")),
    Design("stick", "validation", ("Stick",)),
    Design("kiloji", "validation", ("Kiloji", "きろ字")),
    # WenQuanYi Micro Hei is Droid Sans Fallback extended; Open Sans is Droid Sans' Latin redrawn.
    Design("droid", "test", ("WenQuanYi Micro Hei", "文泉驛微米黑", "Droid Sans", "Open Sans")),
    Design("cns11643-sung", "test", ("TW-Sung", "全字庫正宋體")),
    Design("cns11643-kai", "test", ("TW-Kai", "全字庫正楷體")),
    Design("long-cang", "test", ("Long Cang",)),
    # WD XL Lubrifont is QingKe HuangYou continued.
    Design("qingke-huangyou", "test", ("ZCOOL QingKe HuangYou", "WDXL Lubrifont")),
    Design("yusei-magic", "test", ("Yusei Magic",)),
    Design("rocknroll", "test", ("RocknRoll",)),
    Design("motoya-maruberi", "test", ("MotoyaLMaru", "モトヤＬマルベリ")),
    # Letters and digits.
    Design("vera", "train", ("DejaVu", "Bitstream Vera", "Hack")),
    Design("liberation", "train", ("Liberation", "Arimo", "Tinos", "Cousine")),
    Design("roboto", "train", ("Roboto",)),
    Design("lato", "train", ("Lato", "Carlito")),
    Design("fira", "train", ("Fira",)),
    Design("comfortaa", "train", ("Comfortaa",)),
    Design("humor-sans", "train", ("Humor Sans", "xkcd")),
    Design("dancing-script", "train", ("Dancing Script",)),
    Design("breip", "train", ("Breip",)),
    Design("leckerli-one", "train", ("Leckerli One",)),
    Design("averia", "train", ("Averia",)),
    Design("courier-prime", "train", ("Courier Prime",)),
    Design("lobster", "train", ("Lobster",)),
    Design("bebas-neue", "train", ("Bebas",)),
    Design("league-spartan", "train", ("League Spartan",)),
    Design("inconsolata", "train", ("Inconsolata",)),
    Design("gnu-typewriter", "train", ("GNUTypewriter", "GNU Typewriter")),
    Design("staypuft", "train", ("StayPuft", "Stay Puft")),
    Design("cabin", "train", ("Cabin",)),
    Design("old-standard", "train", ("Old Standard",)),
    Design("quicksand", "train", ("Quicksand",)),
    Design("jura", "train", ("Jura",)),
    Design("comic-neue", "validation", ("Comic Neue",)),
    Design("kaushan-script", "validation", ("Kaushan Script",)),
    Design("cantarell", "validation", ("Cantarell",)),
    Design("anonymous-pro", "validation", ("Anonymous Pro",)),
    Design("yanone-kaffeesatz", "validation", ("Yanone Kaffeesatz",)),
    Design("vollkorn", "validation", ("Vollkorn",)),
    Design("femkeklaver", "validation", ("Femke",)),
    Design("inter", "test", ("Inter",)),
    Design("rufscript", "test", ("RufScript",)),
    Design("jetbrains-mono", "test", ("JetBrains Mono",)),
    Design("quattrocento", "test", ("Quattrocento",)),
    Design("play", "test", ("Play",)),
    Design("dosis", "test", ("Dosis",)),
    Design("tomson-talks", "test", ("Tomson Talks",)),
    Design("dkg-handwriting", "test", ("dkg",)),
    Design("ocr-a", "test", ("OCR A", "OCRA")),
)

_ICON_PACKAGES = (
    _iconify("tabler", "1.2.41"),
    _iconify("ph", "1.2.2"),
    _iconify("mdi", "1.2.3"),
    _iconify("carbon", "1.2.29"),
    _iconify("solar", "1.2.13"),
    _iconify("fluent-emoji-flat", "1.2.6"),
    _iconify("flat-color-icons", "1.2.3"),
    _iconify("game-icons", "1.2.4"),
    _iconify("wi", "1.2.1"),
    _iconify("ion", "1.2.7"),
    _iconify("iconoir", "1.2.11"),
    _iconify("ant-design", "1.2.9"),
    _iconify("pixelarticons", "1.2.9"),
    _iconify("openmoji", "1.2.29"),
    Package("icon", "pypi", "heroicons", "2.14.0", r"\.(svg|zip)$"),
    _iconify("lucide", "1.2.137"),
    _iconify("bi", "1.2.7"),
    _iconify("noto", "1.2.9"),
    _iconify("maki", "1.2.5"),
    _iconify("mingcute", "1.2.8"),
    _iconify("twemoji", "1.2.5"),
    _iconify("healthicons", "1.2.13"),
    _iconify("meteocons", "1.2.4"),
    _iconify("teenyicons", "1.2.2"),
    _iconify("octicon", "1.2.36"),
)

_ICON_DESIGNS = (
    Design("tabler", "train", ("tabler",)),
    Design("phosphor", "train", ("ph", "phosphor")),
    Design("material", "train", ("mdi", "mdi-light", "ic", "material-symbols")),
    Design("carbon", "train", ("carbon",)),
    Design("solar", "train", ("solar",)),
    Design("fluent-emoji", "train", ("fluent-emoji", "fluent-emoji-flat")),
    Design("flat-color-icons", "train", ("flat-color-icons",)),
    Design("game-icons", "train", ("game-icons",)),
    Design("weather-icons", "train", ("wi",)),
    Design("ionicons", "train", ("ion",)),
    Design("iconoir", "train", ("iconoir",)),
    Design("ant-design", "train", ("ant-design",)),
    Design("pixelarticons", "train", ("pixelarticons",)),
    Design("openmoji", "train", ("openmoji",)),
    Design("heroicons", "train", ("heroicons",)),
    # Lucide is Feather continued.
    Design("feather", "validation", ("lucide", "feather")),
    Design("bootstrap-icons", "validation", ("bi",)),
    Design("noto-emoji", "validation", ("noto", "noto-v1")),
    Design("maki", "validation", ("maki",)),
    Design("mingcute", "test", ("mingcute",)),
    Design("twemoji", "test", ("twemoji",)),
    Design("healthicons", "test", ("healthicons",)),
    Design("meteocons", "test", ("meteocons",)),
    Design("teenyicons", "test", ("teenyicons",)),
    Design("octicons", "test", ("octicon",)),
)

_PICTURE = r"\.(jpe?g|png|webp|svg)$"

_PHOTO_PACKAGES = (
    Package("photo", "apt", "gnome-backgrounds", files=r"/backgrounds/.*" + _PICTURE),
    Package("photo", "apt", "lomiri-wallpapers-16.04", files=r"/backgrounds/.*" + _PICTURE),
    Package("photo", "apt", "lomiri-wallpapers-20.04", files=r"/backgrounds/.*" + _PICTURE),
    Package("photo", "apt", "ukui-wallpapers", files=r"/backgrounds/.*" + _PICTURE),
    Package("photo", "apt", "sway-backgrounds", files=r"/backgrounds/.*" + _PICTURE),
    Package("photo", "apt", "lxqt-themes", files=r"/wallpapers/.*" + _PICTURE),
    Package("photo", "apt", "lxde-common", files=r"/wallpapers/.*" + _PICTURE),
    Package("photo", "apt", "xfdesktop4-data", files=r"/backgrounds/.*" + _PICTURE),
    Package("photo", "apt", "desktop-base", files=r"/wallpaper/contents/images/1920x1080\.svg$"),
    Package("photo", "apt", "tuxpaint-data", files=r"/tuxpaint/templates/.*\.jpg$"),
    Package("photo", "apt", "palapeli-data", files=r"/palapeli/collection/.*\.jpg$"),
    # Horizons of a planetarium.
    Package(
        "photo",
        "apt",
        "stellarium-data",
        files=r"/landscapes/(garching/garching-gl\d|guereins/guereins\d|hurricane/hurricane\d"
        r"|ocean/ocean[147]|mars/mars|moon/apollo17)\.png$",
    ),
)

CATALOGUE = Catalogue(
    packages=(*_FONT_PACKAGES, *_ICON_PACKAGES, *_PHOTO_PACKAGES),
    fonts=_FONT_DESIGNS,
    icons=_ICON_DESIGNS,
)
