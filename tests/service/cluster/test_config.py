"""`clickorder cluster config` and its refusals; Ray is imported, and not started."""

import json
import os
from pathlib import Path

import pytest

from service.security.keys import hash_of

CHECK = """
import json, sys
import yaml
from ray.serve.schema import ServeDeploySchema
from typer.testing import CliRunner
from clickorder.cli import app
from service.cluster.application import ClusterOptions, build

found = []
for arguments in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, ["cluster", "config", *arguments])
    told = {"status": result.exit_code, "error": result.stderr}
    if not result.exit_code:
        schema = ServeDeploySchema.model_validate(yaml.safe_load(result.stdout))
        (application,) = schema.applications
        built = build(ClusterOptions.model_validate(application.args))
        (solver, settings), _ = built._bound_deployment.init_args, None
        deployed = {
            "Gateway": built._bound_deployment, "Solver": solver._bound_deployment,
        }
        told["import_path"] = application.import_path
        told["host"], told["port"] = schema.http_options.host, schema.http_options.port
        told["settings"] = application.args["settings"]
        told["cpus"] = deployed["Solver"].ray_actor_options["num_cpus"]
        told["replicas"] = deployed["Solver"].num_replicas
        scaling = deployed["Solver"]._deployment_config.autoscaling_config
        told["scaling"] = scaling and [scaling.min_replicas, scaling.max_replicas]
        told["gateways"] = deployed["Gateway"].num_replicas
    found.append(told)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def told(python, tmp_path_factory):
    """What came of each command; all of them run in one process, as importing Ray takes long."""
    file = tmp_path_factory.mktemp("settings") / "clickorder.toml"
    entry = f'[[keys]]\nname = "me"\nhash = "{hash_of("secret")}"\n'
    file.write_text(f"port = 9001\nmin_confidence = 0.5\n{entry}", encoding="utf-8")
    asked = {
        "plain": [],
        "all": [
            *("--settings", str(file), "--host", "0.0.0.0", "--workers", "3", "--gateways", "2"),
            *("--replicas", "2", "--max-replicas", "5", "--cpus-per-replica", "1.5"),
            *("--models-dir", "models"),
        ],
        "open": ["--host", "0.0.0.0"],
        "fewer": ["--replicas", "3", "--max-replicas", "2"],
        "wrong": ["--settings", str(file.parent)],
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CLICKORDER_")}
    result = python.run(CHECK, json.dumps(list(asked.values())), environment=environment)
    assert result.returncode == 0, result.stderr
    return dict(zip(asked, json.loads(result.stdout.splitlines()[-1]), strict=True))


def test_the_usual_config_is_one_that_serve_takes(told):
    assert told["plain"] == {
        "status": 0,
        "error": "",
        "import_path": "service.cluster.application:build",
        "host": "127.0.0.1",
        "port": 8000,
        "settings": {},
        "cpus": 2.0,
        "replicas": 1,
        "scaling": None,
        "gateways": 1,
    }


def test_settings_and_sizes_are_in_the_config(told):
    found = told["all"]
    assert (found["status"], found["host"], found["port"]) == (0, "0.0.0.0", 9001)
    assert found["settings"].pop("keys") == [{"name": "me", "hash": hash_of("secret")}]
    # Absolute: replicas start in another folder.
    assert Path(found["settings"].pop("models_dir")) == Path("models").resolve()
    assert found["settings"] == {"min_confidence": 0.5, "host": "0.0.0.0", "workers": 3}
    assert (found["cpus"], found["scaling"], found["gateways"]) == (1.5, [2, 5], 2)


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("open", 1, "A service on 0.0.0.0 needs API keys"),
        ("fewer", 2, "--max-replicas 2 is less than --replicas 3"),
        ("wrong", 2, "cannot be read"),
    ],
)
def test_what_cannot_be_deployed_is_one_sentence(told, name, status, said):
    assert told[name]["status"] == status
    (line,) = told[name]["error"].splitlines()
    assert said in line
