//! Files that are no distribution, though people take them for one: what they are, and how to get the right one.

use std::path::Path;
use std::sync::Arc;

use super::spot::Spot;
use super::without_mark;
use crate::json::{Node, Value};
use crate::problem::Problem;
use crate::written::Place;

/// How everybody gets what can be read here.
const GET: &str =
    "`aws cloudfront get-distribution-config --id ID --output json > distribution.json`";

/// What a text that is neither TOML nor JSON is: `CloudFormation` as YAML, Terraform, XML, the command line's other formats.
pub(crate) fn recognise_other(text: &str, file: &Path) -> Option<Problem> {
    let text = without_mark(text).trim_start();
    let lines = || text.lines().map(str::trim_end);
    let starts = |start: &str| lines().any(|line| line.starts_with(start));
    let has = |part: &str| lines().any(|line| line.trim_start().starts_with(part));
    let place = Place::new(&Arc::new(file.to_owned()), 1, "this");
    let problem = |found: &str, instead: String| Some(place.error(found, instead));
    if text.starts_with('<') {
        let found = if text.contains("DistributionConfig") || text.contains("<Distribution") {
            "is a distribution as XML"
        } else {
            "is XML"
        };
        return problem(found, format!("give it as JSON: {GET}"));
    }
    if starts("AWSTemplateFormatVersion") || has(OF_YAML[0]) || has(OF_YAML[1]) || has(OF_YAML[2]) {
        return problem(
            "is a CloudFormation template",
            of_cloudformation(logical_id(text)),
        );
    }
    let resource = lines().find_map(|line| {
        let name = line.trim_start().strip_prefix(OF_TERRAFORM)?;
        Some(format!("{TERRAFORM_TYPE}.{}", name.split('"').next()?))
    });
    if resource.is_some() || (has("module \"") && text.contains("cloudfront")) {
        return problem("is Terraform", of_terraform(resource.as_deref()));
    }
    if has("DistributionConfig:") || (has("DefaultCacheBehavior:") && has("TargetOriginId:")) {
        return problem(
            "is a distribution as YAML",
            format!("give it as JSON: {GET}"),
        );
    }
    let is_text = text.starts_with("DISTRIBUTIONCONFIG\t") || text.starts_with("ETAG\t");
    let is_table = text.starts_with("-----") && has("|") && text.contains("Distribution");
    if is_text || is_table {
        return problem(
            "is the text or table output of the AWS command line",
            format!("give it as JSON: {GET}"),
        );
    }
    if has("server {") && has("location ") {
        return problem(
            "is an nginx configuration",
            "write a tideover.toml, or give origins by --origin".to_owned(),
        );
    }
    None
}

const CLOUDFORMATION_TYPE: &str = "AWS::CloudFront::Distribution";
const TERRAFORM_TYPE: &str = "aws_cloudfront_distribution";
const OF_TERRAFORM: &str = "resource \"aws_cloudfront_distribution\" \"";

/// The line that says in YAML what a resource is.
const OF_YAML: [&str; 3] = [
    "Type: AWS::CloudFront::Distribution",
    "Type: \"AWS::CloudFront::Distribution\"",
    "Type: 'AWS::CloudFront::Distribution'",
];

fn of_cloudformation(logical_id: Option<&str>) -> String {
    format!(
        "deploy it, ask for the distribution's id by `aws cloudformation describe-stack-resource --stack-name STACK --logical-resource-id {} --query StackResourceDetail.PhysicalResourceId --output text`, then {GET}",
        logical_id.unwrap_or("LOGICAL_ID")
    )
}

fn of_terraform(address: Option<&str>) -> String {
    format!(
        "apply it, find the distribution's id by `terraform state show {}`, then {GET}",
        address.unwrap_or("ADDRESS")
    )
}

/// What a template in YAML calls the distribution: the key that is less indented than its `Type`.
fn logical_id(template: &str) -> Option<&str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = template.lines().collect();
    let at = lines.iter().position(|line| {
        OF_YAML
            .iter()
            .any(|kind| line.trim_start().starts_with(kind))
    })?;
    let (before, rest) = lines.split_at(at);
    let inside = indent(rest.first()?);
    let key = before
        .iter()
        .rev()
        .find(|line| !line.trim().is_empty() && indent(line) < inside)?;
    key.trim().strip_suffix(':')
}

/// What JSON that holds no distribution is, and how to get the right one.
pub(crate) fn recognise_json(root: &Spot<'_>) -> Problem {
    let (found, instead) = cloudformation(root)
        .or_else(|| terraform(root))
        .or_else(|| summaries(root))
        .or_else(|| policy(root))
        .unwrap_or_else(|| anything(root));
    Place::new(&root.source.file, root.node.line, "this").error(found, instead)
}

/// What was found, and the remedy.
type Recognised = Option<(String, String)>;

fn cloudformation(root: &Spot<'_>) -> Recognised {
    let resources = root.node.get("Resources").map_or(&[][..], Node::members);
    let is_template = root.node.get("AWSTemplateFormatVersion").is_some()
        || is_typed(root.node, "AWS::")
        || resources.iter().any(|one| is_typed(&one.node, "AWS::"));
    let found = if is_template {
        "is a CloudFormation template"
    } else if is_of_cloudformation(root) {
        "is a distribution as CloudFormation writes it"
    } else {
        return None;
    };
    let logical_id = resources
        .iter()
        .find(|one| is_typed(&one.node, CLOUDFORMATION_TYPE))
        .map(|one| one.key.as_str());
    Some((found.to_owned(), of_cloudformation(logical_id)))
}

fn is_typed(node: &Node, kind: &str) -> bool {
    node.get("Type")
        .and_then(Node::text)
        .is_some_and(|found| found.starts_with(kind))
}

fn terraform(root: &Spot<'_>) -> Recognised {
    let has = |key: &str| root.node.get(key).is_some();
    let declared = root.node.get("resource");
    let found = if has("planned_values") || has("resource_changes") {
        "is a Terraform plan"
    } else if has("terraform_version") {
        "is a Terraform state"
    } else if declared.is_some_and(|declared| declared.get(TERRAFORM_TYPE).is_some()) {
        "is Terraform as JSON"
    } else {
        return None;
    };
    let name = declared
        .and_then(|declared| declared.get(TERRAFORM_TYPE)?.members().first())
        .map(|member| format!("{TERRAFORM_TYPE}.{}", member.key));
    let address = name.or_else(|| address(root.node));
    Some((found.to_owned(), of_terraform(address.as_deref())))
}

/// The address of the first distribution anywhere in a plan or a state.
fn address(node: &Node) -> Option<String> {
    if node.get("type").and_then(Node::text) == Some(TERRAFORM_TYPE) {
        let text = |key| node.get(key).and_then(Node::text);
        return match (text("address"), text("name")) {
            (Some(address), _) => Some(address.to_owned()),
            (None, Some(name)) => Some(format!("{TERRAFORM_TYPE}.{name}")),
            (None, None) => None,
        };
    }
    let members = node.members().iter().map(|member| &member.node);
    members.chain(node.elements()).find_map(address)
}

/// Lists without `Quantity`, where CloudFront has it.
pub(super) fn is_of_cloudformation(root: &Spot<'_>) -> bool {
    let properties = root.get("Properties").unwrap_or_else(|| root.clone());
    let config = properties.get("DistributionConfig").unwrap_or(properties);
    config.get("Origins").is_some_and(|origins| {
        matches!(
            origins.elements().first().map(|origin| &origin.node.value),
            Some(Value::Object(_))
        )
    })
}

/// The output of `list-distributions`, whole or cut down by `--query`: it leaves out half of what a distribution says.
fn summaries(root: &Spot<'_>) -> Recognised {
    let list = root.get("DistributionList");
    let items = match &list {
        Some(list) => list.items(),
        None if root.node.get("Items").is_some() => root.items(),
        // One of them, cut out.
        None if root.node.get("ARN").is_some() => vec![root.clone()],
        None => root.elements(),
    };
    let is_summary = |item: &Spot<'_>| {
        item.node.get("ARN").is_some()
            || item.text("Id").is_some_and(|id| id.value.starts_with('E'))
    };
    if list.is_none() && (items.is_empty() || !items.iter().all(is_summary)) {
        return None;
    }
    let ids: Vec<String> = items
        .iter()
        .filter_map(|item| Some(item.text("Id")?.value))
        .collect();
    let Some(first) = ids.first() else {
        return Some((
            "is a list of distributions that has none in it".to_owned(),
            format!("name one: {GET}"),
        ));
    };
    let mut named: Vec<&str> = ids.iter().take(8).map(String::as_str).collect();
    if ids.len() > named.len() {
        named.push("…");
    }
    let what = if ids.len() == 1 {
        "is a summary of"
    } else {
        "is a list of summaries of"
    };
    let get = GET.replace("--id ID", &format!("--id {first}"));
    Some((
        format!(
            "{what} {}, which leaves out half of what a distribution says",
            named.join(", ")
        ),
        format!("give the whole: {get}"),
    ))
}

fn policy(root: &Spot<'_>) -> Recognised {
    let kind = [
        ("CachePolicy", "cache"),
        ("OriginRequestPolicy", "origin request"),
        ("ResponseHeadersPolicy", "response headers"),
    ]
    .into_iter()
    .find(|(key, _)| {
        ["", "Config", "List"]
            .iter()
            .any(|end| root.node.get(&format!("{key}{end}")).is_some())
    })
    .map(|(_, kind)| kind)?;
    Some((
        format!("is a {kind} policy, not a distribution"),
        "give it with --policy FILE, beside --config with the distribution".to_owned(),
    ))
}

fn anything(root: &Spot<'_>) -> (String, String) {
    let keys: Vec<String> = root
        .node
        .members()
        .iter()
        .take(4)
        .map(|member| format!("{:?}", member.key))
        .collect();
    let has = if keys.is_empty() {
        root.node.kind().to_owned()
    } else {
        format!("it has {}", keys.join(", "))
    };
    (
        format!("is JSON without a distribution: {has}"),
        format!("give a `DistributionConfig`, as printed by {GET}"),
    )
}
