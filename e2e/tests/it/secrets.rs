//! Planted secrets: an app whose files hold one in every form that is known, reproduced with stand-ins for its package manager
//! and for presentry, and with the real secretlint. None may be left.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use presentry_e2e::cache::Cache;
use presentry_e2e::node::Node;
use presentry_e2e::pins::Pins;
use presentry_e2e::progress::{Console, Shown};
use presentry_e2e::repro::{self, Made, Request, Workshop};
use presentry_e2e::secretlint::Secretlint;
use presentry_e2e::toolchain::Toolchain;

use self::planted::forms;

#[path = "../../../crates/redact/tests/planted/mod.rs"]
mod planted;

/// Builds what the app's script would, and prints as much as tools do.
const NPM: &str = r#"#!/bin/sh
case "$*" in *--dry-run*) exit 0;; esac
case "$1" in
  --version) echo 11.0.0;;
  ci|install) mkdir -p node_modules;;
  run) mkdir -p .output/server; cat planted/* > .output/server/index.mjs; cat planted/*; echo '{}' > .output/nitro.json;;
esac
"#;

const PRESENTRY: &str = "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'presentry 0.1.0'; exit 0; }\necho '{ \"exit_code\": 1, \"diagnostics\": [] }'\nexit 1\n";

/// The kinds of files that hold them. Some are given out, others are not.
const FILES: [&str; 14] = [
    "src/lib/client.ts",
    "src/routes/page.tsx",
    "src/old.js",
    "src/keys.json",
    "src/page.html",
    "src/style.css",
    "README.md",
    "public/data.bin",
    "docker-compose.yml.bak",
    "scripts/deploy.sh",
    "terraform/main.tf",
    "config/service-account.json",
    "notes.txt",
    "Dockerfile",
];

fn bed(directory: &Path) -> PathBuf {
    let app = directory.join("app");
    let write = |path: &str, text: &str| drop(crate::write(&app, path, text));
    write("package.json", "{ \"name\": \"shop\", \"scripts\": { \"build\": \"vinxi build\" } }\n");
    write("package-lock.json", "{ \"packages\": {} }\n");
    planted::files().iter().for_each(|(path, text)| write(path, text));
    let planted: String =
        forms().iter().map(|(name, text, secret)| format!("// {name}\n{}\n", text.replacen("@@", secret, 1))).collect();
    for file in FILES {
        write(file, &planted);
    }
    write("planted/all.mjs", &planted);
    app
}

fn make(directory: &Path, app: PathBuf) -> Made {
    let program = |name: &str, text: &str| {
        let file = crate::write(directory, &format!("bin/{name}"), text);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    };
    let real = Toolchain::find(std::env::var_os("PATH").as_deref(), directory).unwrap();
    let cache = Cache::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("secretlint-cache"), true).unwrap();
    let secretlint = Secretlint::install(&cache, &real, directory).unwrap();
    let toolchain = Toolchain { npm: program("npm", NPM), ..real };
    let request = Request {
        app,
        pins: Pins::default(),
        preset: None,
        out: directory.join("out"),
        cache: true,
        sdk: false,
        keep: false,
        trust_init: false,
    };
    let workshop = Workshop {
        binary: &program("presentry", PRESENTRY),
        toolchain: &toolchain,
        node: &Node::of(&toolchain),
        path: Some(directory.join("bin").into_os_string()),
        secretlint: Some(&secretlint),
        work: &directory.join("work"),
        paths: Vec::new(),
    };
    repro::make(&request, &workshop, &Console::new(Shown::Nowhere)).unwrap()
}

#[test]
fn no_planted_secret_is_left_and_the_report_lists_what_was_replaced() {
    assert!(forms().len() >= 60 && FILES.len() >= 12);
    let directory = tempfile::tempdir().unwrap();
    let made = make(directory.path(), bed(directory.path()));
    for path in ["app/src/lib/client.ts", "app/README.md", "logs/build.log", "REPORT.md"] {
        assert!(made.facts.files.iter().any(|file| file == path), "no `{path}` in {:?}", made.facts.files);
    }
    let mut left = Vec::new();
    for path in &made.facts.files {
        let text = String::from_utf8_lossy(&fs::read(made.out.join(path)).unwrap()).into_owned();
        let found = forms().into_iter().filter(|(_, _, secret)| text.contains(secret.as_str()));
        left.extend(found.map(|(name, ..)| format!("{name} in `{path}`")));
    }
    assert_eq!(left, [""; 0]);
    // What no build needs is not there at all.
    for file in ["scripts/deploy.sh", "terraform/main.tf", "config/service-account.json", "notes.txt", "Dockerfile"] {
        assert!(!made.out.join("app").join(file).exists(), "`{file}`");
    }
    let report = fs::read_to_string(made.out.join("REPORT.md")).unwrap();
    assert!(report.contains("## Replaced"), "{report}");
    assert!(made.facts.replaced.iter().any(|it| it.file == "app/src/lib/client.ts" && it.what.contains("`VALUE`")));
}

/// What people write that looks like a secret and is none.
const HARMLESS: &str = r##"
<input type="password" name="password" autocomplete="current-password" placeholder="Password" />
const schema = { password: string, token: z.string(), secret: process.env.SECRET, apiKey: import.meta.env.VITE_KEY };
if (!password) errors.password = "Password is required";
const token = await getToken(); headers.set("Authorization", `Bearer ${token}`);
type Credentials = { password: "hidden" | "text"; csrfToken: "csrf-token" };
git+ssh://git@host.example/x https://a.example/b:c http://key@127.0.0.1:4000/1 https://www.npmjs.com/package/@sentry/node
"integrity": "sha512-0KJ1k3l2mCqYs9Zp7uVwXyZaBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstuvwxyz0123456789==",
import { createHash } from "node:crypto"; const id = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
export const privateRoutes = ["/account"]; export const tokenize = (text) => text.split(" ");
const url = `postgres://${user}:${password}@${host}/x`; const colour = "#a1b2c3"; const keyboard = "qwerty123";
  accessToken = oauth2Token
  password: z.string().min(8),
  token: tokens[0].value
<Password>text</Password> const bypass: "something" = "x"; compass: 'north-east'; auth: "required"
?token=${token}&page=2 git commit --token-file ./x curl https://a.example/u:2 Cookie: theme=dark
const { password: password2 } = form; setItem("token", token1); ["password", "confirm-password"]
- name: DATABASE_URL
  value: postgres
export const PASSWORD_MIN_LENGTH = 12; sessionStorage.setItem("token", value); // sk-learn, hf_hub, re_export
"##;

#[test]
fn harmless_text_stays() {
    let directory = tempfile::tempdir().unwrap();
    let app = directory.path().join("app");
    crate::write(&app, "package.json", "{ \"name\": \"shop\", \"scripts\": { \"build\": \"vinxi build\" } }\n");
    crate::write(&app, "package-lock.json", "{ \"packages\": {} }\n");
    crate::write(&app, "planted/all.mjs", HARMLESS);
    crate::write(&app, "src/page.tsx", HARMLESS);
    let made = make(directory.path(), app);
    assert_eq!(fs::read_to_string(made.out.join("app/src/page.tsx")).unwrap(), HARMLESS);
    assert_eq!(made.facts.replaced, []);
}
