"""What whoever deploys is asked, at a terminal.

usage: deploy.py <the SAM CLI>

`sam deploy`, with samconfig.toml and with --guided, runs in a terminal of its own against a stub of CloudFormation and S3,
which records the change set that is asked for: moto does not know SAM's transform. Every question is answered by Enter.
"""

import os
import pty
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from samcli.yamlhelper import yaml_parse

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

    change_sets, uploads, unknown = [], {}, []

    def do_POST(self):
        fields = {name: values[0] for name, values in parse_qs(self.body().decode(), keep_blank_values=True).items()}
        match fields.get("Action"), fields.get("StackName"):
            case "DescribeStacks", "aws-sam-cli-managed-default":
                self.answer(200, STACKS)
            case "DescribeStacks", name:
                self.answer(400, ABSENT.format(name))
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

    def do_PUT(self):
        self.uploads[self.path.partition("?")[0]] = self.body()
        self.answer(200, "")

    def do_HEAD(self):
        self.answer(404, "")

    def do_GET(self):
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


def deploy(sam, endpoint, *arguments):
    """Questions, and the parameters of the change set that was asked for."""
    Stub.change_sets.clear()
    Stub.uploads.clear()
    with tempfile.TemporaryDirectory() as folder:
        project(folder)
        began = time.monotonic()
        questions, status, shown = at_a_terminal([sam, "deploy", *arguments], folder, endpoint)
        took = time.monotonic() - began
        saved = Path(folder, "samconfig.toml").read_text()
    assert status == 0, shown[-3000:]
    assert not Stub.unknown, Stub.unknown
    (asked,) = Stub.change_sets
    assert asked["StackName"] == "latchkey" and asked["ChangeSetType"] == "CREATE", asked
    assert asked["Capabilities.member.1"] == "CAPABILITY_IAM", asked
    assert "TemplateURL" in asked and len(Stub.uploads) == 1 + len(list((ROOT / "functions").iterdir())), asked
    # The last is whether to go on, and Enter is no.
    assert questions[-1] == "Deploy this changeset? [y/N]", questions[-1]
    values = {}
    for name, value in asked.items():
        if found := re.fullmatch(r"Parameters\.member\.(\d+)\.ParameterKey", name):
            values[value] = asked[f"Parameters.member.{found[1]}.ParameterValue"]
    return questions, values, saved, took


def main():
    (sam,) = sys.argv[1:]
    sam = str(Path(sam).absolute())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
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
    server.shutdown()


main()
