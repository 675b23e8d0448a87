//! Files that are no distribution, though people take them for one: what they are, and how to get the right one.

use std::path::Path;
use std::sync::Arc;

use super::spot::Spot;
use super::without_mark;
use crate::json::Value;
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
    if starts("AWSTemplateFormatVersion")
        || has("Type: AWS::CloudFront::Distribution")
        || has("Type: \"AWS::CloudFront::Distribution\"")
        || has("Type: 'AWS::CloudFront::Distribution'")
    {
        return problem("is a CloudFormation template", of_cloudformation());
    }
    if has("resource \"aws_cloudfront_distribution\"")
        || (has("module \"") && text.contains("cloudfront"))
    {
        return problem("is Terraform", of_terraform());
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

fn of_cloudformation() -> String {
    format!(
        "deploy it, find the distribution's id with `aws cloudformation describe-stack-resources --stack-name NAME`, then {GET}"
    )
}

fn of_terraform() -> String {
    format!("apply it, find the distribution's id with `terraform show`, then {GET}")
}

/// What JSON that holds no distribution is.
pub(crate) fn recognise_json(root: &Spot<'_>) -> Problem {
    let has = |key: &str| root.node.get(key).is_some();
    let (found, instead) = if has("AWSTemplateFormatVersion")
        || root.node.get("Resources").is_some_and(has_types)
        || is_typed(root.node)
    {
        (
            "is a CloudFormation template".to_owned(),
            of_cloudformation(),
        )
    } else if is_of_cloudformation(root) {
        (
            "is a distribution as CloudFormation writes it".to_owned(),
            of_cloudformation(),
        )
    } else if root
        .node
        .get("resource")
        .is_some_and(|resource| resource.get("aws_cloudfront_distribution").is_some())
    {
        ("is Terraform as JSON".to_owned(), of_terraform())
    } else if has("planned_values") || has("resource_changes") || has("terraform_version") {
        let what = if has("planned_values") || has("resource_changes") {
            "is a Terraform plan"
        } else {
            "is a Terraform state"
        };
        (what.to_owned(), of_terraform())
    } else if let Some(ids) = summaries(root) {
        let found = match ids.as_slice() {
            [] => "is a list of distributions that has none in it".to_owned(),
            ids => format!(
                "has summaries only, which leave out half of each distribution: of {}",
                ids.join(", ")
            ),
        };
        let id = ids.first().map_or("ID", String::as_str);
        let get = GET.replace("--id ID", &format!("--id {id}"));
        (found, format!("name one: {get}"))
    } else if let Some(kind) = policy(root) {
        (
            format!("is a {kind} policy, not a distribution"),
            "give it with --policy FILE, beside --config with the distribution".to_owned(),
        )
    } else {
        let found = match root.node.value {
            Value::Object(_) => match root.node.members() {
                [] => "is an empty object".to_owned(),
                members => {
                    let keys: Vec<String> = members
                        .iter()
                        .take(4)
                        .map(|member| format!("{:?}", member.key))
                        .collect();
                    format!("is JSON without a distribution: it has {}", keys.join(", "))
                }
            },
            Value::List(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
                format!("is JSON without a distribution: {}", root.node.kind())
            }
        };
        (
            found,
            format!("give a DistributionConfig, as printed by {GET}"),
        )
    };
    Place::new(&root.source.file, root.node.line, "this").error(found, instead)
}

/// `{"Name": {"Type": "AWS::…"}}`.
fn has_types(resources: &crate::json::Node) -> bool {
    resources
        .members()
        .iter()
        .any(|member| is_typed(&member.node))
}

fn is_typed(node: &crate::json::Node) -> bool {
    node.get("Type")
        .and_then(crate::json::Node::text)
        .is_some_and(|kind| kind.starts_with("AWS::"))
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

/// The ids in the output of `list-distributions`, whole or cut down by `--query`.
fn summaries(root: &Spot<'_>) -> Option<Vec<String>> {
    let items = match root.node.get("DistributionList") {
        Some(_) => root.get("DistributionList")?.items(),
        None if root.node.get("Items").is_some() => root.items(),
        // One of them, cut out.
        None if root.node.get("ARN").is_some() => vec![root.clone()],
        None => root.elements(),
    };
    let is_summary = |item: &Spot<'_>| {
        item.node.get("ARN").is_some()
            || item.text("Id").is_some_and(|id| id.value.starts_with('E'))
    };
    let listed = root.node.get("DistributionList").is_some();
    (listed || (!items.is_empty() && items.iter().all(is_summary))).then(|| {
        items
            .iter()
            .filter_map(|item| Some(item.text("Id")?.value))
            .take(8)
            .collect()
    })
}

fn policy(root: &Spot<'_>) -> Option<&'static str> {
    [
        ("CachePolicy", "cache"),
        ("OriginRequestPolicy", "origin request"),
        ("ResponseHeadersPolicy", "response headers"),
    ]
    .into_iter()
    .find(|(key, _)| {
        root.node.get(key).is_some() || root.node.get(&format!("{key}Config")).is_some()
    })
    .map(|(_, kind)| kind)
}
