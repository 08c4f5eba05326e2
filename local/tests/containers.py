"""The deployed artefacts in Lambda's own containers, and the gateway in one of its own.

usage: containers.py [--binaries FOLDER] [--only functions|gateway]

By hand, as root, in an environment with aws-sam-cli and cargo-lambda:

    .ci/run sam && PATH=$PWD/target/ci-sam/bin:$PATH python3 local/tests/containers.py

Without Docker it starts an engine of its own (Debian's docker.io), whose data and socket are in target/containers; images
that would be pulled are then made by debootstrap and imported under the names that are asked for. `sam build` builds every
function as it is deployed, which takes long: --binaries takes those of a folder instead, such as target/debug.

The story of sam.py is told through `sam local start-api`, each function in its container, then Dockerfile is built and
somebody signs in to what runs from it. All that was started is ended, by its id.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from samcli.yamlhelper import yaml_dump, yaml_parse

from gateway import NOTHING_ELSE, Gateway
from sam import ADMIN, LOOPBACK, ROOT, Api, free_port, story

FOLDER = ROOT / "target/containers"
RUST = "rust:1.95-slim-bookworm"
DEBIAN = "debian:bookworm-slim"
MACHINE = {"aarch64": "arm64", "arm64": "arm64"}.get(os.uname().machine, "x86_64")
BRIDGE = Path("/sys/class/net/docker0")
LAMBDA = f"public.ecr.aws/lambda/provided:al2023-{MACHINE}"


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def said(*command):
    return run(*command, capture_output=True, text=True).stdout.strip()


def timed(what, began):
    print(f"  {what}: {time.monotonic() - began:.0f} s", flush=True)


def wait_for(what, is_there, seconds=60):
    for _ in range(seconds * 5):
        if is_there():
            return
        time.sleep(0.2)
    raise SystemExit(f"{what} did not come up")


def answers(url):
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


class Engine:
    """The machine's Docker, or else one of our own until the end."""

    def __enter__(self):
        self.process = None
        if shutil.which("docker") and self.is_up():
            print("  Docker is there: its images are pulled")
            return self
        for program, package in [("dockerd", "docker.io"), ("debootstrap", "debootstrap")]:
            if not shutil.which(program):
                run("apt-get", "update", "-qq")
                run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package, stdout=subprocess.DEVNULL)
        self.had_bridge = BRIDGE.exists()
        os.environ["DOCKER_HOST"] = f"unix://{FOLDER}/docker.sock"
        if not any(self.starts(driver) for driver in ["overlay2", "vfs"]):
            raise SystemExit((FOLDER / "dockerd.log").read_text()[-2000:])
        return self

    def is_up(self):
        return subprocess.run(["docker", "info"], capture_output=True).returncode == 0

    def starts(self, driver):
        # No rules of the machine's firewall: containers are reached by their published ports, and reach the bridge.
        self.process = subprocess.Popen(
            [
                "dockerd",
                "--iptables=false",
                "--ip6tables=false",
                f"--storage-driver={driver}",
                f"--data-root={FOLDER}/data",
                f"--exec-root={FOLDER}/run",
                f"--pidfile={FOLDER}/docker.pid",
                f"--host=unix://{FOLDER}/docker.sock",
            ],
            stdout=(FOLDER / "dockerd.log").open("w"),
            stderr=subprocess.STDOUT,
        )
        for _ in range(150):
            if self.process.poll() is not None:
                return False
            if self.is_up():
                print(f"  an engine of our own, with {driver}")
                return True
            time.sleep(0.2)
        self.end()
        return False

    def end(self):
        self.process.terminate()
        self.process.wait(60)

    def __exit__(self, *_):
        if self.process:
            self.end()
            if not self.had_bridge and BRIDGE.exists():
                run("ip", "link", "delete", BRIDGE.name)

    def bridge(self):
        """The machine, as a container sees it."""
        # By the link itself: of a network that it had before an engine may not know the gateway.
        return json.loads(said("ip", "-j", "-4", "address", "show", BRIDGE.name))[0]["addr_info"][0]["local"]

    def needs(self, image, *packages, with_rust=False):
        """An image under the name that is asked for, where none can be pulled."""
        if not self.process or said("docker", "images", "-q", image):
            return
        began = time.monotonic()
        made = FOLDER / image.replace("/", "_").replace(":", "_")
        shutil.rmtree(made, ignore_errors=True)
        included = [f"--include={','.join(packages)}"] if packages else []
        run("debootstrap", "--variant=minbase", *included, "bookworm", made, stdout=subprocess.DEVNULL)
        if with_rust:
            toolchain = said("rustc", "--print", "sysroot")
            taken = subprocess.Popen(["tar", "-C", toolchain, "--exclude=share", "-c", "."], stdout=subprocess.PIPE)
            run("tar", "-C", made / "usr/local", "--no-same-owner", "-x", stdin=taken.stdout)
            assert taken.wait() == 0
            # A machine behind a proxy has its certificate here.
            shutil.copy("/etc/ssl/certs/ca-certificates.crt", made / "etc/ssl/certs/ca-certificates.crt")
        packed = subprocess.Popen(["tar", "-C", made, "-c", "."], stdout=subprocess.PIPE)
        run("docker", "import", "-", image, stdin=packed.stdout, stdout=subprocess.DEVNULL)
        assert packed.wait() == 0
        shutil.rmtree(made)
        timed(f"{image} is made", began)


def built(folder, binaries):
    """The template with what `sam build` built, or with the binaries of a folder."""
    if binaries is None:
        began = time.monotonic()
        run("sam", "build", "--build-dir", folder / "build", "--parameter-overrides", f"Architecture={MACHINE}", cwd=ROOT)
        timed("every function is built as it is deployed", began)
        template = yaml_parse((folder / "build/template.yaml").read_text())
        base = folder / "build"
    else:
        template = yaml_parse((ROOT / "template.yaml").read_text())
        base = folder
        for logical, of in functions(template):
            binary = Path(binaries).absolute() / of["Metadata"]["BuildProperties"]["Binary"]
            place = base / logical
            place.mkdir()
            shutil.copy(binary, place / "bootstrap")
            of["Properties"]["CodeUri"] = logical
            del of["Metadata"]
    # An HTTP API hands every picture over in base64; SAM's copy of it only what it is told of.
    template["Resources"]["Api"]["Properties"]["DefinitionBody"] = {
        "openapi": "3.0.1",
        "paths": {},
        "x-amazon-apigateway-binary-media-types": ["image/png"],
    }
    file = base / "containers.yaml"
    file.write_text(yaml_dump(template))
    return file, {logical for logical, _ in functions(template)}


def functions(template):
    return [(name, of) for name, of in template["Resources"].items() if of["Type"] == "AWS::Serverless::Function"]


def tell_the_story(engine, latchkey, binaries):
    engine.needs(LAMBDA, "ca-certificates")
    dynamodb, port = free_port(), free_port()
    variables = {"ADMIN_PHONES": ADMIN, "RESEND_COOLDOWN": "0"}
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        folder = Path(folder)
        template, all_of_them = built(folder, binaries)
        tables = ["--dynamodb-port", str(dynamodb), "--dynamodb-host", engine.bridge()]
        with Gateway(latchkey, "--data-dir", str(folder / "data"), *tables, **variables) as gateway:
            told = folder / "data/sam.env.json"
            wait_for("what `sam local` is told", told.exists)
            command = ["sam", "local", "start-api", "--template", template, "--port", port, "--env-vars", told]
            # None of samconfig.toml's, which would name the same again.
            command += ["--config-file", folder / "none.toml", "--warm-containers", "LAZY", "--region", "eu-central-1"]
            command += ["--add-host", "host.docker.internal:host-gateway"]
            command += ["--parameter-overrides", f"Architecture={MACHINE}"]
            command += ["--skip-pull-image"] if engine.process else []
            (folder / "none.toml").write_text("version = 0.1\n")
            keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "SAM_CLI_TELEMETRY": "0"}
            own = {name: os.environ[name] for name in ["DOCKER_HOST"] if name in os.environ}
            with (folder / "sam.log").open("w") as log:
                sam = subprocess.Popen(
                    [str(word) for word in command], env={**NOTHING_ELSE, **keys, **own}, stdout=log, stderr=log
                )
            try:
                url = f"http://{LOOPBACK}:{port}"
                wait_for("sam local start-api", lambda: sam.poll() is not None or answers(url + "/health"), 300)
                began = time.monotonic()
                story(Api(url), gateway)
                running = said("docker", "ps", "-q").split()
                names = json.loads(said("docker", "inspect", *running))
                called = {
                    line.partition("=")[2]
                    for of in names
                    for line in of["Config"]["Env"]
                    if line.startswith("AWS_LAMBDA_FUNCTION_NAME=")
                }
                assert called == all_of_them, all_of_them ^ called
                timed(f"the story was told through {len(called)} functions, each in its container", began)
            except BaseException:
                print((folder / "sam.log").read_text()[-6000:])
                raise
            finally:
                sam.send_signal(signal.SIGINT)
                sam.wait(120)


def sign_in(api, phone):
    api.ok("POST", "/v1/auth/code", {"phone": phone}, status=202)
    code = api.ok("GET", f"/local/messages?to=%2B{phone[1:]}")[-1]["body"].split()[0]
    return api.ok("POST", "/v1/auth/token", {"phone": phone, "code": code})


def run_the_gateway(engine):
    """Dockerfile, as README has it: built, and signed in to, by what keeps its data when the container goes."""
    engine.needs(DEBIAN)
    engine.needs(RUST, "gcc", "libc6-dev", "ca-certificates", with_rust=True)
    began = time.monotonic()
    # Ours has no rules that would lead a container out.
    network = ["--network", "host"] if engine.process else []
    run("docker", "build", "-q", *network, "-t", "latchkey", ROOT, stdout=subprocess.DEVNULL)
    timed("docker build -t latchkey .", began)
    sizes = [int(said("docker", "image", "inspect", "-f", "{{.Size}}", image)) for image in ["latchkey", DEBIAN]]
    print(f"  the image has {sizes[0] / 1e6:.0f} MB, {(sizes[0] - sizes[1]) / 1e6:.0f} of them above {DEBIAN}")
    port = free_port()
    api = Api(f"http://localhost:{port}")
    volume = said("docker", "volume", "create")
    try:
        bob = None
        for turn in range(2):
            container = said("docker", "run", "-d", "-p", f"{LOOPBACK}:{port}:3000", "-v", f"{volume}:/data", "latchkey")
            try:
                wait_for("the gateway", lambda: answers(api.url + "/health"))
                assert said("docker", "exec", container, "id", "-u") != "0", "it runs as root"
                alice = sign_in(api, f"+7900000000{turn + 1}")
                assert api.ok("GET", "/v1/users/me", token=alice["access_token"])["phone"] == f"+7900000000{turn + 1}"
                assert api.ask("GET", "/local")[0] == 200 and api.ask("GET", "/admin")[0] == 200
                if bob:
                    # Whoever signed in to the container before it still is, to this one.
                    assert api.ok("GET", "/v1/users/me", token=bob["access_token"])["id"] == bob["user"]["id"]
                promoted = said("docker", "exec", container, "latchkey", "promote", f"+7900000000{turn + 1}")
                assert "admin" in promoted, promoted
                bob = alice
                began = time.monotonic()
                said("docker", "stop", container)
                assert time.monotonic() - began < 8, "it does not end when it is told to"
                assert said("docker", "inspect", "-f", "{{.State.ExitCode}}", container) == "0"
            finally:
                run("docker", "rm", "-f", container, stdout=subprocess.DEVNULL)
    finally:
        run("docker", "volume", "rm", volume, stdout=subprocess.DEVNULL)
    print("  the gateway in its container: not root, reached at localhost, data kept from one to the next")


def main():
    wanted = argparse.ArgumentParser(usage=__doc__)
    wanted.add_argument("--binaries")
    wanted.add_argument("--only", choices=["functions", "gateway"])
    wanted = wanted.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Engine() as engine:
        if wanted.only != "gateway":
            folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
            run("cargo", "build", "--locked", "--bin", "latchkey", cwd=ROOT)
            tell_the_story(engine, folder / "debug/latchkey", wanted.binaries)
        if wanted.only != "functions":
            run_the_gateway(engine)


if __name__ == "__main__":
    sys.exit(main())
