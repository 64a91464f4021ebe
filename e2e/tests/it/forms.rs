//! The forms of `.github/ISSUE_TEMPLATE`, as GitHub reads them, and the verbs that they tell people to run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-issue-forms
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: String,
    description: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    labels: Vec<String>,
    body: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    r#type: String,
    id: Option<String>,
    attributes: Attributes,
    #[serde(default)]
    validations: Validations,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attributes {
    label: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    placeholder: String,
    #[serde(default)]
    render: String,
    value: Option<String>,
    #[serde(default)]
    options: Vec<Choice>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Choice {
    Text(String),
    Box { label: String, required: bool },
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Validations {
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    blank_issues_enabled: bool,
}

/// Everything that GitHub refuses in a form.
fn wrong(form: &Form) -> Vec<String> {
    let mut found = Vec::new();
    if form.name.is_empty() || form.description.is_empty() {
        found.push("a form has a name and a description".to_owned());
    }
    if form.body.iter().all(|part| part.r#type == "markdown") {
        found.push("nothing can be filled in".to_owned());
    }
    let mut ids = BTreeSet::new();
    for part in &form.body {
        let kind = part.r#type.as_str();
        let id = part.id.as_deref().unwrap_or(kind);
        let Attributes { label, value, options, .. } = &part.attributes;
        let complete = match kind {
            "markdown" => value.is_some() && part.id.is_none() && !part.validations.required,
            "textarea" | "input" => label.is_some() && options.is_empty(),
            "dropdown" => {
                label.is_some() && options.iter().all(|it| matches!(it, Choice::Text(text) if !text.is_empty()))
            }
            "checkboxes" => {
                let is_box =
                    |it: &Choice| matches!(it, Choice::Box { label, required } if *required && !label.is_empty());
                label.is_some() && !options.is_empty() && options.iter().all(is_box)
            }
            _ => false,
        };
        if !complete {
            found.push(format!("`{id}` is not a whole `{kind}`"));
        }
        if kind != "markdown" && !ids.insert(id) {
            found.push(format!("`{id}` is there twice"));
        }
    }
    found
}

/// The files of the directory, by their names.
fn files() -> BTreeMap<String, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/ISSUE_TEMPLATE");
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())).collect()
}

#[test]
fn the_forms_are_whole_and_the_first_one_needs_no_rust() {
    let mut files = files();
    let config: Config = serde_saphyr::from_str(&files.remove("config.yml").unwrap()).unwrap();
    assert!(!config.blank_issues_enabled);
    // GitHub shows them in the order of their names.
    assert_eq!(files.keys().collect::<Vec<_>>(), ["1-bug.yml", "2-idea.yml", "3-setup.yml"]);
    for (name, text) in &files {
        let form: Form = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("`{name}`: {error}"));
        assert_eq!(wrong(&form), [""; 0], "{name}");
        assert!(form.title.is_empty() && !form.labels.is_empty(), "{name}");
    }
    let bug: Form = serde_saphyr::from_str(&files["1-bug.yml"]).unwrap();
    let required: Vec<&str> =
        bug.body.iter().filter(|part| part.validations.required).filter_map(|part| part.id.as_deref()).collect();
    assert_eq!(required, ["expected", "report"]);
    let text = &files["1-bug.yml"];
    assert!(text.contains("npx presentry repro") && !text.contains("cargo"), "{text}");
    assert!(files["3-setup.yml"].contains("cargo xtask repro --app"));
    for part in &bug.body {
        let Attributes { description, placeholder, render, .. } = &part.attributes;
        assert!(render.is_empty() || description.len() + placeholder.len() > 0, "code without a word on what it is");
    }
}

#[test]
fn broken_forms_are_refused() {
    let bug = &files()["1-bug.yml"];
    for (from, to) in [
        ("type: textarea", "type: text"),
        ("id: report", "id: expected"),
        ("          required: true", "          required: false"),
        ("description: ", "descripton: "),
        ("label: What happens", "lable: What happens"),
    ] {
        assert!(bug.contains(from), "{from}");
        let broken = serde_saphyr::from_str::<Form>(&bug.replacen(from, to, 1));
        assert!(broken.is_err() || broken.is_ok_and(|form| !wrong(&form).is_empty()), "`{from}` → `{to}` passes");
    }
}
