//! Every planted form is found where it stands in a text, with what the files of the app tell, and nothing is left of it.

mod planted;

use presentry_redact::{Secrets, expanded, variables};

/// What the files of the app tell.
fn known() -> Secrets {
    let mut secrets = Secrets::default();
    for (file, text) in planted::files() {
        let text = text.lines().map(|line| line.trim_start().trim_start_matches("- ")).collect::<Vec<_>>().join("\n");
        let variables = variables(&text);
        for variable in &variables {
            secrets.value(file, &variable.value);
            secrets.value(file, &expanded(&variable.value, &variables));
        }
    }
    secrets
}

#[test]
fn no_planted_form_is_left() {
    let redactor = known().redactor().unwrap();
    let forms = planted::forms();
    assert!(forms.len() > 120, "{}", forms.len());
    let mut left = Vec::new();
    for (name, around, secret) in &forms {
        let text = around.replacen("@@", secret, 1);
        let shown = redactor.text(&text);
        if shown.contains(secret)
            || redactor.remains(text.as_bytes()).is_none()
            || redactor.remains(shown.as_bytes()).is_some()
        {
            left.push(*name);
        }
    }
    assert_eq!(left, [""; 0]);
}
