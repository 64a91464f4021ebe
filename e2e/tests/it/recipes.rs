//! The recipes in `examples`, read as their platforms read them, and held against the scenarios that build and start them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use presentry_e2e::Scenario;
use presentry_e2e::host::RECIPES;
use serde::Deserialize;
use serde_json::Value;

/// The command that a platform builds with. The second half is what the harness judges as the default.
const BUILD: &str = "vinxi build && presentry --prune";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    let file = root().join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("`{}`: {error}", file.display()))
}

/// Each recipe with its files, the page of people aside.
fn recipes() -> BTreeMap<String, Vec<String>> {
    let names = |directory: &Path| -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let root = root().join(RECIPES);
    let files = |recipe: &String| {
        let mut files = names(&root.join(recipe));
        files.retain(|name| name != "README.md");
        files
    };
    names(&root).into_iter().map(|recipe| (recipe.clone(), files(&recipe))).collect()
}

fn scenarios() -> Vec<Scenario> {
    Scenario::read_all(&root().join(presentry_e2e::scenario::DIRECTORY)).unwrap()
}

/// The scenarios that a page names as its test: those in backticks behind "Tested by".
fn named(page: &str) -> Vec<&str> {
    let (_, tested) = page.split_once("\nTested by").expect("the page does not tell what tests it");
    tested.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_recipe_names_its_files_and_a_scenario_that_runs_it() {
    let (recipes, scenarios) = (recipes(), scenarios());
    let wanted = ["aws-lambda", "docker", "fly", "netlify", "pm2", "solidstart-2", "systemd", "vercel"];
    assert_eq!(recipes.keys().collect::<Vec<_>>(), wanted);
    for (recipe, files) in &recipes {
        let page = read(&format!("{RECIPES}/{recipe}/README.md"));
        for file in files {
            assert!(page.contains(&format!("`{file}`")), "the page of `{recipe}` does not name `{file}`");
        }
        let tests: Vec<&Scenario> =
            named(&page).into_iter().filter_map(|name| scenarios.iter().find(|scenario| scenario.id == name)).collect();
        assert!(!tests.is_empty(), "the page of `{recipe}` names no scenario");
        // Fly builds the recipe for Docker, and the scenario of SolidStart 2 has a config with probes.
        let by = match recipe.as_str() {
            "fly" => Some("docker"),
            "solidstart-2" => None,
            other => Some(other),
        };
        assert!(tests.iter().any(|scenario| scenario.recipe.as_deref() == by), "no scenario builds `{recipe}`");
    }
    for scenario in scenarios {
        let known = scenario.recipe.as_ref().is_none_or(|recipe| recipes.contains_key(recipe));
        assert!(known, "`{}` names a recipe that is not there", scenario.id);
    }
}

#[test]
fn platforms_build_with_one_command() {
    let vercel: Value = serde_json::from_str(&read("examples/vercel/vercel.json")).unwrap();
    assert_eq!(vercel["buildCommand"], BUILD);
    let netlify: toml::Table = toml::from_str(&read("examples/netlify/netlify.toml")).unwrap();
    assert_eq!(netlify["build"]["command"].as_str(), Some(BUILD));
    // Where Nitro puts static files for this preset.
    assert_eq!(netlify["build"]["publish"].as_str(), Some("dist"));
    let (build, rewrite) = BUILD.split_once(" && ").unwrap();
    let package: Value = serde_json::from_str(&read("fixtures-apps/basic/package.json")).unwrap();
    assert_eq!(package["scripts"]["build"], build);
    for recipe in ["systemd", "pm2", "aws-lambda"] {
        let page = read(&format!("examples/{recipe}/README.md"));
        assert!(page.contains(&format!("`npx {build} && npx {rewrite}`")), "`{recipe}`");
    }
}

#[test]
fn fly_starts_the_image_of_the_recipe_for_docker() {
    let fly: toml::Table = toml::from_str(&read("examples/fly/fly.toml")).unwrap();
    let dockerfile = fly["build"]["dockerfile"].as_str().unwrap();
    assert!(root().join("examples/docker").join(dockerfile).is_file());
    let port = fly["env"]["PORT"].as_str().unwrap().parse::<i64>().unwrap();
    assert_eq!(fly["http_service"]["internal_port"].as_integer(), Some(port));
}

#[test]
fn lambda_is_given_the_directory_and_the_handler_that_the_host_starts() {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Template {
        resources: Resources,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Resources {
        app: App,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct App {
        properties: Properties,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Properties {
        code_uri: String,
        handler: String,
    }
    let template: Template = serde_saphyr::from_str(&read("examples/aws-lambda/template.yaml")).unwrap();
    let Properties { code_uri, handler } = template.resources.app.properties;
    let host = read("e2e/hosts/aws-lambda.mjs");
    assert!(host.contains(&format!("findOutput([\"{code_uri}\"]")), "{code_uri}");
    assert!(host.contains(&format!("startLambda(directory, \"{handler}\")")), "{handler}");
}

/// What the fixture adds to the recipe is what shows that it works: a library, and a package that is patched.
#[test]
fn the_config_of_solidstart_2_is_the_recipe_with_the_probes_of_the_fixture() {
    let scenarios = scenarios();
    let scenario = scenarios.iter().find(|scenario| scenario.id == "nitro-module-solidstart-2").unwrap();
    let built = &scenario.module.as_ref().unwrap().files["vite.config.ts"];
    let probes = [r#"plugins: ["./src/server/libraries.ts"], "#, r#""esm-probe", "#];
    assert!(probes.iter().all(|probe| built.contains(probe)), "{built}");
    let without = probes.iter().fold(built.clone(), |text, probe| text.replacen(probe, "", 1));
    assert_eq!(without, read("examples/solidstart-2/vite.config.ts"));
}
