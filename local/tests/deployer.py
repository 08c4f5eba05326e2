"""What the policies in template/ allow is what deploying takes.

usage: deployer.py

Runs in an environment with aws-sam-cli and cfn-lint, whose wheel holds CloudFormation's own schema of each kind of resource:
with it, the actions that making, reading, changing and deleting one takes. Every kind that the templates name is looked up
there, so that a new one fails here until the policy of whoever deploys has what it takes.
"""

import json
import os
from fnmatch import fnmatchcase
from pathlib import Path

import cfnlint
from samcli.lib.bootstrap.bootstrap import _get_stack_template
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

ROOT = Path(__file__).parents[2]
SCHEMAS = Path(cfnlint.__file__).parent / "data/schemas/resources"
EXECUTION = "AWSLambdaBasicExecutionRole"
os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"
# IAM's bound for a managed policy, without blanks.
LONGEST = 6144

HERE = "eu-central-1:123456789012"
# An ARN as a stack called latchkey-production has it; None for actions that know no ARN of that kind.
ARNS = {
    "AWS::ApiGatewayV2::Api": "arn:aws:apigateway:eu-central-1::/apis/a1b2c3",
    "AWS::ApiGatewayV2::ApiMapping": "arn:aws:apigateway:eu-central-1::/domainnames/api.example.com/apimappings/a1",
    "AWS::ApiGatewayV2::DomainName": "arn:aws:apigateway:eu-central-1::/domainnames/api.example.com",
    "AWS::ApiGatewayV2::Stage": "arn:aws:apigateway:eu-central-1::/apis/a1b2c3/stages/$default",
    "AWS::CloudFront::CachePolicy": "arn:aws:cloudfront::123456789012:cache-policy/a1",
    "AWS::CloudFront::Distribution": "arn:aws:cloudfront::123456789012:distribution/E1",
    "AWS::CloudFront::OriginRequestPolicy": "arn:aws:cloudfront::123456789012:origin-request-policy/a1",
    "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:{HERE}:alarm:latchkey-production-LatencyAlarm-A1",
    "AWS::CloudWatch::Dashboard": "arn:aws:cloudwatch::123456789012:dashboard/latchkey-production",
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{HERE}:table/latchkey-production-UsersTable-A1",
    "AWS::IAM::Role": "arn:aws:iam::123456789012:role/latchkey-production-KeysFunctionRole-A1",
    "AWS::Lambda::Function": f"arn:aws:lambda:{HERE}:function:latchkey-production-KeysFunction-A1",
    "AWS::Lambda::Permission": f"arn:aws:lambda:{HERE}:function:latchkey-production-KeysFunction-A1",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{HERE}:log-group:/aws/vendedlogs/latchkey-production/functions:*",
    "AWS::Logs::QueryDefinition": f"arn:aws:logs:{HERE}:query-definition:a1",
    "AWS::Route53::RecordSet": "arn:aws:route53:::hostedzone/Z1",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{HERE}:secret:PepperSecret-A1-b2",
    "AWS::WAFv2::WebACL": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/WebAcl-A1/b2",
}
# As docs/deploy.md names it.
PROXY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:latchkey/proxy-a1b2c3"
BUCKET = "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-a1"
# What making one of another kind asks of a resource that is there already.
ELSEWHERE = {"iam": ARNS["AWS::IAM::Role"], "s3": BUCKET + "/a1"}
# What the bucket takes that SAM makes once an account, by what its template says of it. A bucket's schema names all that
# any may have.
OF_A_BUCKET = {
    "BucketEncryption": "s3:PutEncryptionConfiguration",
    "PublicAccessBlockConfiguration": "s3:PutBucketPublicAccessBlock",
    "Tags": "s3:PutBucketTagging",
    "VersioningConfiguration": "s3:PutBucketVersioning",
}
# What a kind's schema names besides, for properties that no resource of ours has.
NOT_USED = {
    "AWS::CloudFront::Distribution": "*ConnectionGroup *VpcOrigin *WithTags *WithStagingConfig",
    "AWS::ApiGatewayV2::Api": "s3:*",
    "AWS::ApiGatewayV2::DomainName": "s3:*",
    "AWS::DynamoDB::Table": (
        "kinesis:* kms:* iam:* logs:* s3:* *Import* *Replica *Item dynamodb:Scan dynamodb:Query"
        " *ableKinesisStreamingDestination *UpdateKinesisStreamingDestination *UpdateContributorInsights"
        " *PutResourcePolicy *DeleteResourcePolicy"
    ),
    # Roles that whoever deploys makes stay within their boundary.
    "AWS::IAM::Role": "iam:DeleteRolePermissionsBoundary",
    "AWS::Lambda::Function": (
        "ec2:* elasticfilesystem:* s3files:* kms:* *CapacityProvider *RuntimeAlias *PublishVersion *GetLayerVersion"
        " *GetCodeSigningConfig *PutFunctionCodeSigningConfig *DeleteFunctionCodeSigningConfig"
        " *PutFunctionRecursionConfig *PutFunctionScalingConfig *PutRuntimeManagementConfig"
    ),
    "AWS::Logs::LogGroup": (
        "s3:* firehose:* *KmsKey *PutDataProtectionPolicy *DeleteDataProtectionPolicy *BearerToken*"
        " *PutIndexPolicy *DeleteIndexPolicy *DeleteResourcePolicy *DeletionProtection"
    ),
    "AWS::SecretsManager::Secret": "*ReplicateSecretToRegions *RemoveRegionsFromReplication",
    "AWS::WAFv2::WebACL": "payments:*",
}
# What no schema says: how SAM and the AWS CLI deploy, and what API Gateway asks of whoever has it write an access log
# (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html) and makes the first domain of an
# account (https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html).
BESIDES = """cloudformation:* s3:* logs:*LogDelivery logs:ListLogDeliveries
    iam:CreateServiceLinkedRole""".split()


class Policy:
    def __init__(self, name):
        text = (ROOT / "template" / name).read_text()
        self.name, self.statements = name, json.loads(text)["Statement"]
        size = len(json.dumps(json.loads(text), separators=(",", ":")))
        assert size <= LONGEST, f"{name} has {size} characters, IAM takes {LONGEST}"
        sids = [statement["Sid"] for statement in self.statements]
        assert len(set(sids)) == len(sids), name
        for statement in self.statements:
            assert statement["Effect"] == "Allow", statement
            assert not any("*" in action for action in listed(statement["Action"])), statement["Sid"]

    def actions(self):
        return {action for statement in self.statements for action in listed(statement["Action"])}

    def allows(self, action, arn):
        return any(
            action.lower() in map(str.lower, listed(statement["Action"]))
            and any(fnmatchcase(arn, pattern) for pattern in listed(statement.get("Resource", [])))
            for statement in self.statements
        )


def listed(value):
    return value if isinstance(value, list) else [value]


def matches(action, patterns):
    return any(fnmatchcase(action, pattern) for pattern in patterns)


def schemas():
    return {schema["typeName"]: schema for schema in (json.loads(file.read_text()) for file in SCHEMAS.glob("*.json"))}


def needed(schema):
    """The actions of making, reading, changing and deleting one; to list all of an account is nobody's business."""
    handlers = schema["handlers"]
    return {action for name, of in handlers.items() if name != "list" for action in of["permissions"]}


def transformed(template):
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://artefacts/bootstrap.zip"
    values = {name: str(of.get("Default", "")) for name, of in template["Parameters"].items()}
    loader = type("ManagedPolicies", (), {"load": lambda _: {EXECUTION: f"arn:aws:iam::aws:policy/service-role/{EXECUTION}"}})
    return transform(template, values, loader())


def covers(policy, text, resources, of_kind):
    kinds, wanted = {of["Type"] for of in resources.values()}, set()
    if "{{resolve:secretsmanager:" in text:
        wanted.add("secretsmanager:getsecretvalue")
        assert policy.allows("secretsmanager:GetSecretValue", PROXY), policy.name
    for kind in sorted(kinds):
        passed_over = NOT_USED.get(kind, "").split()
        asked = needed(of_kind[kind])
        stale = [pattern for pattern in passed_over if not any(fnmatchcase(action, pattern) for action in asked)]
        assert not stale, f"{kind} asks for nothing like {stale}"
        asked = {action for action in asked if not matches(action, passed_over)}
        arn = ARNS[kind]
        service = arn.split(":")[2]
        on = {action: arn if action.split(":")[0] == service else ELSEWHERE.get(action.split(":")[0], arn) for action in asked}
        missing = sorted(action for action in asked if not policy.allows(action, on[action]))
        assert not missing, f"{policy.name} does not allow on {arn}: {missing}"
        wanted |= {action.lower() for action in asked}
    superfluous = {action for action in policy.actions() if action.lower() not in wanted and not matches(action, BESIDES)}
    assert not superfluous, f"{policy.name} allows what nothing takes: {sorted(superfluous)}"
    print(f"  {policy.name}: {len(kinds)} kinds of resources, {len(policy.actions())} actions")


def covers_uploads(policy):
    """The bucket that SAM makes where there is none, and what it is asked for."""
    resources = json.loads(_get_stack_template())["Resources"]
    assert sorted(of["Type"] for of in resources.values()) == ["AWS::S3::Bucket", "AWS::S3::BucketPolicy"]
    (bucket,) = (of["Properties"] for of in resources.values() if of["Type"] == "AWS::S3::Bucket")
    making = {"s3:CreateBucket", "s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:ListBucket"}
    making |= {OF_A_BUCKET[name] for name in bucket}
    using = {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"}
    assert all(policy.allows(action, BUCKET) for action in making)
    assert all(policy.allows(action, BUCKET + "/a1") for action in using)
    assert {action for action in policy.actions() if action.startswith("s3:")} == making | using


def stays_within(boundary, made):
    """All that the functions may, they may within the boundary; and the boundary holds no more."""
    logs = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
    asked = set()
    for of in made["Resources"].values():
        if of["Type"] == "AWS::IAM::Role":
            properties = of["Properties"]
            assert [arn.rsplit("/", 1)[1] for arn in properties["ManagedPolicyArns"]] == [EXECUTION], properties
            assert properties["PermissionsBoundary"], properties
            for policy in properties.get("Policies", []):
                statements = policy["PolicyDocument"]["Statement"]
                asked |= {action for one in statements for action in listed(one["Action"])}
    assert boundary.actions() == asked | logs, boundary.actions() ^ (asked | logs)
    for kind in ["AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::Logs::LogGroup"]:
        service = ARNS[kind].split(":")[2]
        for action in boundary.actions():
            if action.startswith(service + ":"):
                assert boundary.allows(action, ARNS[kind]), (action, ARNS[kind])
    assert not boundary.allows("dynamodb:Query", f"arn:aws:dynamodb:{HERE}:table/another")


def main():
    of_kind = schemas()
    template, edge = ((ROOT / name).read_text() for name in ["template.yaml", "edge.yaml"])
    made = transformed(yaml_parse(template))
    deployer, of_the_edge = Policy("deployer.json"), Policy("deployer-edge.json")
    covers(deployer, template, made["Resources"], of_kind)
    covers_uploads(deployer)
    covers(of_the_edge, edge, yaml_parse(edge)["Resources"], of_kind)
    boundary = Policy("boundary.json")
    stays_within(boundary, made)
    # Whoever deploys can make no role that may more.
    for action in ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"]:
        for statement in deployer.statements:
            if action in listed(statement["Action"]):
                assert statement["Condition"]["ArnLike"] == {
                    "iam:PermissionsBoundary": "arn:aws:iam::*:policy/latchkey-boundary"
                }, statement["Sid"]
    by_hand = [
        statement["Sid"]
        for statement in [*deployer.statements, *of_the_edge.statements]
        if "aws:CalledVia" not in json.dumps(statement.get("Condition", {}))
    ]
    # All else is asked for by CloudFormation alone, on behalf of whoever deploys: no secret is read by hand.
    assert set(by_hand) == {"Stacks", "Transform", "Artefacts", "RolesForFunctions", "FirstDomain"}, by_hand
    print(f"  boundary.json: {len(boundary.actions())} actions, those of the functions")


if __name__ == "__main__":
    main()
