//! Which of the libraries that Sentry instruments Nitro 3 has bundled. Reads names of files, never a module.

use std::{fs, path::Path};

use presentry_rewriter::diagnostics::Diagnostic;

use crate::diagnostics::bundled_library;

/// Where Nitro 3 puts modules that are made of packages alone, relative to the server directory. Nitro 2 has no such
/// directory.
const DIRECTORY: &str = "_libs";

/// What Sentry instruments through hooks, as of `@sentry/node` 10.70: the names that its instrumentations ask for. Those
/// that it instruments through channels of Node or of the library are left out.
const INSTRUMENTED: [&str; 33] = [
    "@anthropic-ai/sdk",
    "@firebase/firestore",
    "@google/genai",
    "@hapi/hapi",
    "@langchain/core",
    "@langchain/langgraph",
    "@nestjs/core",
    "@node-redis/client",
    "@redis/client",
    "ai",
    "amqplib",
    "connect",
    "dataloader",
    "express",
    "fastify",
    "firebase-functions",
    "generic-pool",
    "graphql",
    "hono",
    "ioredis",
    "kafkajs",
    "knex",
    "koa",
    "lru-memoizer",
    "mongodb",
    "mongoose",
    "mysql",
    "mysql2",
    "openai",
    "pg",
    "pg-pool",
    "postgres",
    "tedious",
];

/// A warning where there are any. `shown` is the server directory as the user would write it.
pub(crate) fn warning(server: &Path, shown: &str) -> Option<Diagnostic> {
    let packages: Vec<String> = names_in(&server.join(DIRECTORY))
        .iter()
        .flat_map(|name| match name.strip_prefix('@') {
            // The only name with a directory in it is that of a package with a scope, cut short.
            Some(scope) => names_in(&server.join(DIRECTORY).join(name))
                .iter()
                .flat_map(|name| packages_of(&format!("{scope}__{name}")))
                .collect(),
            None => packages_of(name),
        })
        .collect();
    let bundled: Vec<&str> =
        INSTRUMENTED.into_iter().filter(|library| packages.iter().any(|package| package == library)).collect();
    (!bundled.is_empty()).then(|| bundled_library::diagnostic(&bundled, &format!("{shown}/{DIRECTORY}")))
}

fn names_in(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    files.filter_map(|file| file.file_name().into_string().ok()).collect()
}

/// The packages in a module, by its name: `h3+rou3+srvx.mjs`, `sentry__core.mjs` for one with a scope. A long name is cut
/// short, `pg+[...].mjs`, and the rest is not known then. (`getChunkName` in `build/chunks.ts` of Nitro)
fn packages_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".mjs").unwrap_or_default();
    let package = |name: &str| match name.split_once("__") {
        Some((scope, name)) => format!("@{scope}/{name}"),
        None => name.to_owned(),
    };
    stem.split('+').filter(|name| !name.is_empty() && *name != "[...]").map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_packages() {
        assert_eq!(packages_of("h3+rou3+srvx.mjs"), ["h3", "rou3", "srvx"]);
        assert_eq!(packages_of("redis__client+[...].mjs"), ["@redis/client"]);
        assert_eq!(packages_of("graphql.mjs.map"), [""; 0]);
    }

    #[test]
    fn only_what_sentry_instruments_is_told() {
        let server = tempfile::tempdir().unwrap();
        let has = |name: &str| {
            fs::create_dir_all(server.path().join(DIRECTORY)).unwrap();
            fs::write(server.path().join(DIRECTORY).join(name), "").unwrap();
            warning(server.path(), "server").map(|diagnostic| diagnostic.message)
        };
        assert!(warning(server.path(), "server").is_none(), "there is no such directory");
        assert_eq!(has("graphql-yoga+h3.mjs"), None);
        let said = has("h3+pg.mjs").unwrap();
        assert_eq!(said, "`pg` is bundled in `server/_libs`, where Sentry cannot instrument it");
        fs::create_dir_all(server.path().join(DIRECTORY).join("@redis")).unwrap();
        let said = has("@redis/client+[...].mjs").unwrap();
        assert_eq!(said, "`@redis/client`, `pg` are bundled in `server/_libs`, where Sentry cannot instrument them");
    }
}
