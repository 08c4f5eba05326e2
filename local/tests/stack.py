"""The template deployed, as far as an emulator goes.

usage: stack.py <address of a moto server>

Runs in an environment with aws-sam-cli. For each deployment of samconfig.toml the template is transformed by SAM's
translator, its rules are applied to the parameters, and moto's CloudFormation creates the stack. Each resource is then
looked up by the service that it belongs to, and compared with what the template asks for.
"""

import copy
import io
import json
import os
import re
import sys
import tomllib
import zipfile
from collections import Counter
from pathlib import Path

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

ROOT = Path(__file__).parents[2]
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text())
REGION = "eu-central-1"
# The translator asks for one.
os.environ["AWS_DEFAULT_REGION"] = REGION
# What moto's CloudFormation passes over. They are handed to the services' own interfaces, with everything resolved.
PASSED_OVER = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudWatch::Alarm",
    "AWS::Logs::QueryDefinition",
    "AWS::SecretsManager::Secret",
}
REFUSED = [
    ("Stage=production",),
    ("Stage=production", "CodeLength=6"),
    ("Stage=production", "CodeLength=6", "RequireChallenge=true", "TextsPerDay=0"),
    ("Stage=production", "CodeLength=6", "RequireChallenge=true", "ResendCooldown=0"),
    ("Stage=production", "CodeLength=6", "RequireChallenge=true", "CodesPerPhoneHour=0", "CodesPerPhoneDay=0"),
    ("Stage=production", "CodeLength=6", "RequireChallenge=true", "CodesPerIpHour=0", "GuardStocks=0"),
    ("Stage=production", "CodeLength=6", "RequireChallenge=true", "RefreshTtl=0", "SessionTtl=0"),
    ("MaxAttempts=0",),
    ("GuessesPerPhoneDay=0",),
    ("SmsProvider=smsaero", "SmsaeroEmail=a@example.com"),
    ("DomainName=api.example.com",),
    ("HostedZoneId=Z1",),
]
NOT_ALLOWED = [
    "CodeLength=3",
    "LogRetentionDays=2",
    "Stage=prod",
    "SnsSenderId=twelve-chars",
    "RequestCodeConcurrency=0",
    "Restart=two words",
    "DomainName=https://api.example.com",
    "CertificateArn=certificate",
    "HostedZoneId=example.com",
    "AlarmTopicArn=me@example.com",
]
ACCEPTED = [
    (),
    ("CodeLength=4", "TextsPerDay=0"),
    ("SmsProvider=smsaero", "SmsaeroEmail=a@example.com", "SmsaeroApiKeyArn=arn:aws:secretsmanager:eu-central-1:123456789012:secret:smsaero-AbCdEf", "SmsaeroSign=s"),
    ("DomainName=api.example.com", "CertificateArn=arn:aws:acm:eu-central-1:1:certificate/c"),
    ("Stage=production", "CodeLength=6", "RequireChallenge=true", "CodesPerIpHour=0", "RefreshTtl=0", "SessionTtl=15552000"),
]


class ManagedPolicies:
    def load(self):
        name = "AWSLambdaBasicExecutionRole"
        return {name: f"arn:aws:iam::aws:policy/service-role/{name}"}


def parameters(overrides):
    """Every parameter with its value."""
    values = {name: str(of.get("Default", "")) for name, of in TEMPLATE["Parameters"].items()}
    for override in overrides:
        name, value = override.split("=", 1)
        assert name in values, f"{name} is no parameter of the template"
        values[name] = value
    return values


def holds(condition, values):
    """A condition of CloudFormation's rules."""
    ((function, of),) = condition.items()
    value = lambda one: values[one["Ref"]] if isinstance(one, dict) else one  # noqa: E731
    match function:
        case "Fn::Equals":
            return value(of[0]) == value(of[1])
        case "Fn::Not":
            return not holds(of[0], values)
        case "Fn::And":
            return all(holds(one, values) for one in of)
        case "Fn::Or":
            return any(holds(one, values) for one in of)
        case "Fn::Contains":
            return value(of[1]) in of[0]
    raise SystemExit(f"{function} is not for rules")


def not_allowed(values):
    """The parameters whose value CloudFormation would refuse."""
    for name, of in TEMPLATE["Parameters"].items():
        value = values[name]
        if "MinValue" in of and not of["MinValue"] <= int(value) <= of["MaxValue"]:
            yield name
        elif value not in map(str, of.get("AllowedValues", [value])):
            yield name
        elif not re.fullmatch(of.get("AllowedPattern", ".*"), value) or len(value) > of.get("MaxLength", 4096):
            yield name


def broken_rules(values):
    for rule in TEMPLATE["Rules"].values():
        if "RuleCondition" not in rule or holds(rule["RuleCondition"], values):
            for assertion in rule["Assertions"]:
                if not holds(assertion["Assert"], values):
                    yield assertion["AssertDescription"]


def transformed(values):
    source = copy.deepcopy(TEMPLATE)
    for resource in source["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://artefacts/bootstrap.zip"
    made = transform(source, dict(values), ManagedPolicies())
    # Rules are applied above: moto does not know them.
    del made["Rules"]
    return made


class Account:
    """An account at moto."""

    def __init__(self, moto):
        self.moto = moto
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as held:
            held.writestr("bootstrap", "")
        s3 = self.client("s3")
        s3.create_bucket(Bucket="artefacts", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket="artefacts", Key="bootstrap.zip", Body=archive.getvalue())

    def client(self, service):
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        return boto3.client(service, region_name=REGION, endpoint_url=self.moto, **keys)


def deploy(account, name, overrides):
    values = parameters(overrides)
    assert not list(not_allowed(values)), (name, list(not_allowed(values)))
    assert not list(broken_rules(values)), (name, list(broken_rules(values)))
    made = transformed(values)
    formation = account.client("cloudformation")
    body = json.dumps(made)
    assert len(body) < 1_000_000, "CloudFormation takes a template of 1 MB"
    formation.create_stack(
        StackName=name,
        TemplateBody=body,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    pages = formation.get_paginator("list_stack_resources").paginate(StackName=name)
    there = {one["LogicalResourceId"]: one for page in pages for one in page["StackResourceSummaries"]}
    check(account, made, there, values)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs["UsersTableName"] == there["UsersTable"]["PhysicalResourceId"]
    return made, there


EXISTING = [
    "ExistingUsersTable=restored",
    "ExistingSigningSecretArn=arn:aws:secretsmanager:eu-central-1:123456789012:secret:signing-AbCdEf",
    "ExistingPepperSecretArn=arn:aws:secretsmanager:eu-central-1:123456789012:secret:pepper-AbCdEf",
]


def chosen(value, values, conditions):
    """A part of a template with its conditions decided."""
    again = lambda one: chosen(one, values, conditions)  # noqa: E731
    match value:
        case {"Fn::If": [condition, one, other]}:
            return again(one if holds(conditions[condition], values) else other)
        case dict():
            return {key: again(one) for key, one in value.items()}
        case list():
            return [again(one) for one in value]
    return value


def attach(account, overrides):
    """A stack on a table and secrets that are there already: it makes none, and nothing in it names its own."""
    values = parameters(overrides)
    assert not list(not_allowed(values)) and not list(broken_rules(values))
    made = transformed(values)
    conditions = made["Conditions"]
    there = lambda of: holds(conditions[of["Condition"]], values) if "Condition" in of else True  # noqa: E731
    resources = {logical: of for logical, of in made["Resources"].items() if there(of)}
    told = json.dumps(chosen([resources, made["Outputs"]], values, conditions))
    for override in overrides:
        parameter = override.split("=")[0]
        own = parameter.removeprefix("Existing").removesuffix("Arn")
        assert own in made["Resources"] and own not in resources, own
        assert not re.search(rf'"{own}"|\$\{{{own}[.}}]', told), f"the stack's own {own} is named"
        # By functions, their policies, alarms and an output.
        assert len(re.findall(rf'"{parameter}"|\$\{{{parameter}}}', told)) >= 7, parameter
    name = f"attached-{len(overrides)}"
    formation = account.client("cloudformation")
    formation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(made),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs["UsersTableName"] == values["ExistingUsersTable"], outputs
    print(f"  attached: {', '.join(override.split('=')[0] for override in overrides)}")


def check(account, made, there, values):
    expected = {
        logical: of for logical, of in made["Resources"].items() if of.get("Condition") not in ("HasDomain", "HasZone")
    }
    absent = {of["Type"] for logical, of in expected.items() if logical not in there}
    assert absent <= PASSED_OVER, f"not created: {absent}"
    name = {logical: of.get("PhysicalResourceId") for logical, of in there.items()}

    dynamodb = account.client("dynamodb")
    for logical in ["UsersTable", "CodesTable", "SessionsTable", "AuditTable"]:
        table = dynamodb.describe_table(TableName=name[logical])["Table"]
        asked = made["Resources"][logical]["Properties"]
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert table["KeySchema"] == asked["KeySchema"]
        indexes = {index["IndexName"] for index in asked.get("GlobalSecondaryIndexes", [])}
        assert {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])} == indexes
        # moto's CloudFormation drops the rest of a table, so it is read as it was asked for.
        assert asked["SSESpecification"]["SSEEnabled"] is True
        ttl = asked.get("TimeToLiveSpecification", {})
        dynamodb.update_time_to_live(TableName=name[logical], TimeToLiveSpecification=ttl) if ttl else None
        assert bool(ttl) == (logical != "UsersTable")
    for logical in ["UsersTable", "AuditTable"]:
        kept = made["Resources"][logical]
        assert (kept["DeletionPolicy"], kept["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        assert kept["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        protected = resolved(kept["Properties"]["DeletionProtectionEnabled"], values, made["Conditions"])
        assert protected == (values["Stage"] == "production")

    secrets = account.client("secretsmanager")
    for logical in ["SigningSecret", "PepperSecret"]:
        of = made["Resources"][logical]
        assert (of["DeletionPolicy"], of["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        drawn = secrets.get_random_password(**of["Properties"]["GenerateSecretString"])["RandomPassword"]
        # Entries are separated by commas and blanks: none may be in one.
        assert re.fullmatch(r"[A-Za-z0-9]{64}", drawn), drawn

    functions, told = account.client("lambda"), Counter()
    for logical, of in made["Resources"].items():
        if of["Type"] != "AWS::Lambda::Function":
            continue
        configuration = functions.get_function_configuration(FunctionName=name[logical])
        variables = {key: str(value) for key, value in configuration["Environment"]["Variables"].items()}
        expected = {
            "USERS_TABLE": name["UsersTable"],
            "CODE_LENGTH": values["CodeLength"],
            "SMS_PROVIDER": values["SmsProvider"],
            "REVEAL_CODE": "false",
        }
        for variable in expected.keys() & variables.keys():
            assert variables[variable] == expected[variable], (logical, variable, variables[variable])
        told.update(variables.keys())
        assert configuration["Runtime"] == "provided.al2023"
        assert of["Properties"]["LoggingConfig"] == {"LogGroup": {"Ref": "FunctionLogs"}}, logical
        # Another value changes, and so restarts, them all.
        assert of["Properties"]["Environment"]["Variables"]["RESTART"] == {"Ref": "Restart"}, logical
        assert resolved(of["Properties"]["Architectures"], values, {}) == [values["Architecture"]]
        role = made["Resources"][f"{logical}Role"]["Properties"]
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                assert not any("*" in action for action in actions), (logical, actions)
    # All start anew with another value, and those alone who text know how.
    assert told["RESTART"] > told["USERS_TABLE"] > told["SMS_PROVIDER"] == told["SMSAERO_API_KEY_ARN"] == 2, told

    logs = account.client("logs").describe_log_groups()["logGroups"]
    kept = {group["logGroupName"]: group.get("retentionInDays") for group in logs}
    for logical, of in made["Resources"].items():
        if of["Type"] == "AWS::Logs::LogGroup":
            # Where services may write by one pattern, and none adds a line of its own to a policy.
            assert name[logical].startswith("/aws/vendedlogs/"), name[logical]
            assert kept[name[logical]] == int(values["LogRetentionDays"])
    alarms, conditions = account.client("cloudwatch"), made["Conditions"]
    for logical, of in made["Resources"].items():
        if of["Type"] == "AWS::CloudWatch::Alarm":
            properties = resolved(of["Properties"], {**values, **name, "Api": "api"}, conditions)
            properties["Threshold"] = float(properties["Threshold"])
            alarms.put_metric_alarm(AlarmName=logical, **properties)
    assert len(alarms.describe_alarms()["MetricAlarms"]) == 14
    dashboard = alarms.get_dashboard(DashboardName=name["Dashboard"])["DashboardBody"]
    lines = [line for widget in json.loads(dashboard)["widgets"] for line in widget["properties"].get("metrics", [])]
    shown = {word for line in lines for word in line if isinstance(word, str)}
    assert {name["RequestCodeFunction"], name["UsersTable"], name["FunctionLogs"]} <= shown, shown
    # The API, which moto does not create.
    assert set(re.findall(r"\$\{.*?\}", dashboard)) == {"${Api}"}, dashboard
    queries = [of["Properties"] for of in made["Resources"].values() if of["Type"] == "AWS::Logs::QueryDefinition"]
    assert len(queries) == 6
    for query in queries:
        asked = resolved(query, {**values, **name, "AWS::StackName": "stack"}, conditions)
        assert set(asked["LogGroupNames"]) <= kept.keys() and asked["Name"].startswith("stack/"), asked
    watched = {
        dimension["Value"]
        for metric in made["Resources"]["IndexThrottlesAlarm"]["Properties"]["Metrics"]
        for dimension in metric.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])
        if dimension["Name"] == "GlobalSecondaryIndexName"
    }
    tables = [of["Properties"] for of in made["Resources"].values() if of["Type"] == "AWS::DynamoDB::Table"]
    assert watched == {index["IndexName"] for of in tables for index in of.get("GlobalSecondaryIndexes", [])}, watched

    known = {**values, **name, "Api": "api", "AWS::Region": REGION, "AWS::Partition": "aws", "AWS::StackName": "stack"}
    api = resolved(made["Resources"]["Api"]["Properties"]["Body"], known, conditions)
    gateway = account.client("apigatewayv2")
    imported = gateway.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
    gateway.reimport_api(ApiId=imported, Body=json.dumps(api))
    routes = {route["RouteKey"] for route in gateway.get_routes(ApiId=imported)["Items"]}
    events = (ROOT / "template.yaml").read_text().count("Type: HttpApi\n")
    assert "POST /v1/auth/code" in routes and len(routes) == events, sorted(routes)
    stage = resolved(made["Resources"]["ApiApiGatewayDefaultStage"]["Properties"], known, conditions)
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == values["ThrottleRate"]
    log = stage["AccessLogSettings"]["Format"]
    assert json.loads(log)["route"] == "$context.routeKey"
    assert not re.search("path|query|sourceIp", log), "the access log holds too much"


def resolved(value, known, conditions):
    """A part of a template with its intrinsic functions worked out."""
    again = lambda one: resolved(one, known, conditions)  # noqa: E731
    match value:
        case {"Ref": "AWS::NoValue"}:
            return None
        case {"Ref": name}:
            return known[name]
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([\w:.]+)\}", lambda found: str(known.get(found[1], found[1])), text)
        case {"Fn::Split": [by, text]}:
            return again(text).split(by)
        case {"Fn::If": [condition, one, other]}:
            return again(one if holds(conditions[condition], known) else other)
        case dict():
            return {key: made for key, one in value.items() if (made := again(one)) is not None}
        case list():
            return [made for one in value if (made := again(one)) is not None]
    return value


def reserved():
    """The functions that instances are kept for: none unless it is asked for, and each by its own parameter."""
    own = {"RequestCode": "20", "ExchangeCode": "30", "RefreshToken": "40"}
    for asked in [{}, own]:
        values = parameters([f"{name}Concurrency={count}" for name, count in asked.items()])
        made = transformed(values)
        nothing = {"Ref": "AWS::NoValue"}
        found = {
            logical.removesuffix("Function"): resolved(
                of["Properties"].get("ReservedConcurrentExecutions", nothing), values, made["Conditions"]
            )
            for logical, of in made["Resources"].items()
            if of["Type"] == "AWS::Lambda::Function"
        }
        assert {name: count for name, count in found.items() if count is not None} == asked, found


def main():
    (moto,) = sys.argv[1:]
    reserved()
    for override in NOT_ALLOWED:
        assert list(not_allowed(parameters([override]))) == [override.split("=")[0]], override
    for refused in REFUSED:
        assert not list(not_allowed(parameters(refused))), refused
        assert list(broken_rules(parameters(refused))), refused
    for accepted in ACCEPTED:
        assert not list(not_allowed(parameters(accepted))), accepted
        assert not list(broken_rules(parameters(accepted))), accepted
    print(f"  rules: {len(REFUSED)} unsafe combinations are refused")
    account = Account(moto)
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for name in ["default", "staging", "production"]:
        overrides = settings[name]["deploy"]["parameters"].get("parameter_overrides", [])
        overrides = [override for override in overrides if not override.startswith("file://")]
        made, there = deploy(account, settings[name]["deploy"]["parameters"]["stack_name"], overrides)
        kinds = Counter(of["ResourceType"] for of in there.values() if of.get("ResourceType"))
        print(f"  {name}: " + ", ".join(f"{count} {kind[5:]}" for kind, count in sorted(kinds.items())))
    attach(account, EXISTING[:1])
    attach(account, EXISTING)


main()
