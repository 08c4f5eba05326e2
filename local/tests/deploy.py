"""What whoever deploys is asked, at a terminal.

usage: deploy.py <the SAM CLI>

`sam deploy`, with samconfig.toml and with --guided, runs in a terminal of its own against a stub of CloudFormation and S3,
which records the change set that is asked for: moto does not know SAM's transform. Every question is answered by Enter.
What is asked of CloudFormation and S3 on the way is what template/deployer.json allows.
"""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from samcli.yamlhelper import yaml_parse

from deployer import Policy

ROOT = Path(__file__).parents[2]
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text())
# What ends a line that waits: `[latchkey]: `, `[Y/n]: `.
QUESTION = re.compile(r"([^\n]*\[[^\n]*\]): $")
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ENOUGH = 120

STACKS = """<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackName>aws-sam-cli-managed-default</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
<CreationTime>2026-01-01T00:00:00Z</CreationTime>
<Tags><member><Key>ManagedStackSource</Key><Value>AwsSamCli</Value></member></Tags>
<Outputs><member><OutputKey>SourceBucket</OutputKey><OutputValue>artefacts</OutputValue></member>
<member><OutputKey>Version</OutputKey><OutputValue>1</OutputValue></member></Outputs>
</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
# One that was deployed before PepperSecret could be another's, and is gone when it was deleted.
THERE = """<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>{}</StackName>
<StackId>arn:aws:cloudformation:::stack/1</StackId><StackStatus>{}</StackStatus>
<CreationTime>2026-01-01T00:00:00Z</CreationTime>
<EnableTerminationProtection>false</EnableTerminationProtection></member></Stacks></DescribeStacksResult>
</DescribeStacksResponse>"""
SUMMARY = """<GetTemplateSummaryResponse><GetTemplateSummaryResult><Parameters>{}</Parameters></GetTemplateSummaryResult>
</GetTemplateSummaryResponse>"""
TEMPLATE_OF_IT = """<GetTemplateResponse><GetTemplateResult><TemplateBody>Resources: {}</TemplateBody></GetTemplateResult>
</GetTemplateResponse>"""
ABSENT = """<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>
<Message>Stack with id {} does not exist</Message></Error></ErrorResponse>"""
MADE = """<CreateChangeSetResponse><CreateChangeSetResult><Id>arn:aws:cloudformation:::changeSet/1</Id>
<StackId>arn:aws:cloudformation:::stack/1</StackId></CreateChangeSetResult></CreateChangeSetResponse>"""
CHANGES = """<DescribeChangeSetResponse><DescribeChangeSetResult><Status>CREATE_COMPLETE</Status><Changes><member>
<Type>Resource</Type><ResourceChange><Action>Add</Action><LogicalResourceId>UsersTable</LogicalResourceId>
<ResourceType>AWS::DynamoDB::Table</ResourceType></ResourceChange></member></Changes>
</DescribeChangeSetResult></DescribeChangeSetResponse>"""
CALLER = """<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account><UserId>A</UserId>
<Arn>arn:aws:iam::123456789012:root</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"""


class Stub(BaseHTTPRequestHandler):
    """CloudFormation and STS by their Query protocol, and a bucket that takes everything."""

    change_sets, uploads, unknown, asked = [], {}, [], set()
    # The parameters of the stack that is there, or that there is none.
    there, deleted = None, False

    def do_POST(self):
        fields = {name: values[0] for name, values in parse_qs(self.body().decode(), keep_blank_values=True).items()}
        if fields["Action"] != "GetCallerIdentity":
            named = fields["StackName"]
            arn = f"arn:aws:cloudformation:eu-central-1:123456789012:stack/{named}/1"
            self.asked.add((f"cloudformation:{fields['Action']}", arn))
        match fields["Action"], fields.get("StackName"):
            case "DescribeStacks", "aws-sam-cli-managed-default":
                self.answer(200, STACKS)
            case "DescribeStacks", name if self.there is not None and not name.endswith("CompanionStack"):
                self.answer(200, THERE.format(name, "DELETE_COMPLETE" if self.deleted else "CREATE_COMPLETE"))
            case "DescribeStacks", name:
                self.answer(400, ABSENT.format(name))
            case "GetTemplateSummary", _:
                member = "<member><ParameterKey>{}</ParameterKey></member>"
                self.answer(200, SUMMARY.format("".join(map(member.format, self.there))))
            case "GetTemplate", _:
                self.answer(200, TEMPLATE_OF_IT)
            case "DeleteStack", _:
                type(self).deleted = True
                self.answer(200, "<DeleteStackResponse></DeleteStackResponse>")
            case "CreateChangeSet", _:
                self.change_sets.append(fields)
                self.answer(200, MADE)
            case "DescribeChangeSet", _:
                self.answer(200, CHANGES)
            case "GetCallerIdentity", _:
                self.answer(200, CALLER)
            case action, _:
                self.unknown.append(action)
                self.answer(400, "<ErrorResponse><Error><Code>Unknown</Code></Error></ErrorResponse>")

    def wants(self, action):
        self.asked.add((action, "arn:aws:s3:::aws-sam-cli-managed-default-" + self.path.partition("?")[0].strip("/")))

    def do_PUT(self):
        self.wants("s3:PutObject")
        self.uploads[self.path.partition("?")[0]] = self.body()
        self.answer(200, "")

    def do_DELETE(self):
        self.wants("s3:DeleteObject")
        self.answer(204, "")

    def do_HEAD(self):
        self.wants("s3:GetObject")
        self.answer(404, "")

    def do_GET(self):
        query = self.path.partition("?")[2]
        names = {"location": "s3:GetBucketLocation", "list-type": "s3:ListBucket", "versioning": "s3:GetBucketVersioning"}
        self.wants(next((action for name, action in names.items() if name in query), "s3:GetObject"))
        self.answer(200, "<LocationConstraint>eu-central-1</LocationConstraint>")

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, body):
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def at_a_terminal(command, folder, endpoint):
    """Runs a command in a terminal, answers each question by Enter; the questions, and how it ended."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu-central-1"}
        own = {"AWS_ENDPOINT_URL": endpoint, "SAM_CLI_TELEMETRY": "0", "HOME": folder, "COLUMNS": "200"}
        os.execve(command[0], command, {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | keys | own)
    timer = threading.Timer(ENOUGH, os.kill, [pid, signal.SIGKILL])
    timer.start()
    shown, questions = "", []
    try:
        while some := os.read(terminal, 65536):
            shown += COLOURS.sub("", some.decode(errors="replace")).replace("\r", "")
            if asked := QUESTION.search(shown):
                questions.append(asked[1].strip())
                # What is typed is shown, too.
                shown += "\n"
                os.write(terminal, b"\n")
    except OSError:
        # The other end of the terminal is closed.
        pass
    timer.cancel()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return questions, status, shown


def project(folder):
    """The checkout as `sam deploy` sees it, each function built to a file of one byte."""
    for name in ["template.yaml", "samconfig.toml"]:
        shutil.copy(ROOT / name, folder)
    for of in TEMPLATE["Resources"].values():
        if of["Type"] == "AWS::Serverless::Function":
            built = Path(folder, of["Properties"]["CodeUri"])
            built.mkdir(parents=True)
            (built / "bootstrap").write_text(built.name)


def deploy(sam, endpoint, *arguments, stack="latchkey", files=()):
    """Questions, and the parameters of the change set that was asked for: a value, or None for the one that the stack has."""
    Stub.change_sets.clear()
    Stub.uploads.clear()
    with tempfile.TemporaryDirectory() as folder:
        project(folder)
        for name, text in files:
            Path(folder, name).write_text(text)
        began = time.monotonic()
        questions, status, shown = at_a_terminal([sam, "deploy", *arguments], folder, endpoint)
        took = time.monotonic() - began
        saved = Path(folder, "samconfig.toml").read_text()
    assert status == 0, shown[-3000:]
    assert not Stub.unknown, Stub.unknown
    (asked,) = Stub.change_sets
    kind = "CREATE" if Stub.there is None else "UPDATE"
    assert asked["StackName"] == stack and asked["ChangeSetType"] == kind, asked
    assert asked["Capabilities.member.1"] == "CAPABILITY_IAM", asked
    assert "TemplateURL" in asked and len(Stub.uploads) == 1 + len(list((ROOT / "functions").iterdir())), asked
    # The last is whether to go on, and Enter is no.
    assert questions[-1] == "Deploy this changeset? [y/N]", questions[-1]
    values = {}
    for name, value in asked.items():
        if found := re.fullmatch(r"Parameters\.member\.(\d+)\.ParameterKey", name):
            values[value] = asked.get(f"Parameters.member.{found[1]}.ParameterValue")
    return questions, values, saved, took


def main():
    (sam,) = sys.argv[1:]
    sam = str(Path(sam).absolute())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())
    defaults = {name: str(of["Default"]) for name, of in TEMPLATE["Parameters"].items()}

    phones = "+79000000000"
    questions, values, saved, took = deploy(sam, endpoint, "--parameter-overrides", f"AdminPhones={phones}")
    assert len(questions) == 1, questions
    # All others are left to the template.
    assert values == {"AdminPhones": phones}, values
    assert saved == (ROOT / "samconfig.toml").read_text()
    print(f"  sam deploy: 1 question, {took:.0f} s")

    questions, values, saved, took = deploy(sam, endpoint, "--guided")
    of_parameters = [question for question in questions if question.startswith("Parameter ")]
    others = [question for question in questions if question not in of_parameters]
    assert len(of_parameters) == len(defaults), of_parameters
    assert len(others) <= 20, others
    assert values == defaults, {name: value for name, value in values.items() if defaults.get(name) != value}
    print(f"  sam deploy --guided: {len(of_parameters)} questions of parameters and {len(others)} others, {took:.0f} s")

    of_production(sam, endpoint, settings["production"]["deploy"]["parameters"])
    on_a_stack_that_is_there(sam, endpoint, defaults)
    is_deleted(sam, endpoint)
    deployer = Policy("deployer.json")
    refused = sorted({action for action, arn in Stub.asked if not deployer.allows(action, arn)})
    assert not refused, f"deployer.json does not allow {refused}"
    print(f"  deployer.json allows what SAM asked for: {sorted({action for action, _ in Stub.asked})}")
    server.shutdown()


def of_production(sam, endpoint, settings):
    """Parameters of one's own are in a file that git passes over, and stand above those of samconfig.toml."""
    stack, written = settings["stack_name"], settings["parameter_overrides"]
    (file,) = (line.removeprefix("file://") for line in written if line.startswith("file://"))
    tracked = dict(line.split("=") for line in written if not line.startswith("file://"))
    assert subprocess.run(["git", "check-ignore", "-q", file], cwd=ROOT).returncode == 0, f"git tracks {file}"
    sample = tomllib.loads((ROOT / "template/parameters.sample.toml").read_text())
    assert sample.keys() <= TEMPLATE["Parameters"].keys(), sample.keys() - TEMPLATE["Parameters"].keys()
    own = 'AllowedCountries = ["RU", "KZ"]\nTextsPerDay = 5000\nAppName = "Keys & Co"\nCodeLength = 8\n'
    questions, values, _, _ = deploy(sam, endpoint, "--config-env", "production", stack=stack, files=[(file, own)])
    assert len(questions) == 1, questions
    mine = {"AllowedCountries": "RU,KZ", "TextsPerDay": "5000", "AppName": "Keys & Co", "CodeLength": "8"}
    assert values == tracked | mine, values
    with tempfile.TemporaryDirectory() as folder:
        project(folder)
        _, status, shown = at_a_terminal([sam, "deploy", "--config-env", "production"], folder, endpoint)
    assert status != 0 and f"{file} was not found" in shown, shown[-500:]
    print(f"  sam deploy --config-env production: {len(mine)} parameters of {file}, and not without it")


def on_a_stack_that_is_there(sam, endpoint, defaults):
    """What it was made with it keeps, whatever a release has for a default: that is for parameters which are new to it."""
    new = "ExistingPepperSecretArn"
    Stub.there = [name for name in defaults if name != new]
    _, values, _, _ = deploy(sam, endpoint, "--parameter-overrides", "TextsPerDay=5000")
    kept = {name for name, value in values.items() if value is None}
    assert kept == defaults.keys() - {new, "TextsPerDay"} and values["TextsPerDay"] == "5000", values
    assert new not in values
    print(f"  sam deploy on a stack that is there: {len(kept)} parameters keep the value that it has")


def is_deleted(sam, endpoint):
    with tempfile.TemporaryDirectory() as folder:
        project(folder)
        delete = [sam, "delete", "--no-prompts", "--stack-name", "latchkey", "--region", "eu-central-1"]
        _, status, shown = at_a_terminal(delete, folder, endpoint)
    assert status == 0 and Stub.deleted, shown[-1000:]
    assert not Stub.unknown, Stub.unknown


if __name__ == "__main__":
    main()
