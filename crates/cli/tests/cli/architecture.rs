//! The house rules that `ARCHITECTURE.md` states, held by reading the workspace itself.

use std::{collections::BTreeSet, process::Command};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Whom each crate may know, besides itself and its tests. A new crate gets its line here and its
/// place in `ARCHITECTURE.md`.
const FLOORS: &[(&str, &[&str])] = &[
    ("api-types", &[]),
    ("benches", &["api-types", "engine", "gguf", "kernels", "model-tiny", "runtime", "server"]),
    ("cli", &["api-types", "client", "engine", "runtime", "server"]),
    ("client", &["api-types"]),
    ("engine", &["gguf", "kernels"]),
    ("gguf", &[]),
    ("kernels", &["gguf"]),
    ("model-tiny", &[]),
    ("modelfile", &[]),
    ("registry", &[]),
    (
        "runtime",
        &[
            "api-types",
            "engine",
            "gguf",
            "kernels",
            "model-tiny",
            "modelfile",
            "registry",
            "template",
        ],
    ),
    ("server", &["api-types"]),
    ("template", &["api-types"]),
];

/// Crates that third parties take alone: no async runtime and no HTTP in their default features.
const LIBRARIES: &[&str] =
    &["api-types", "engine", "gguf", "kernels", "modelfile", "registry", "template"];

/// What an async runtime or an HTTP stack is known by.
const HEAVY: &[&str] =
    &["async-std", "axum", "h2", "hyper", "reqwest", "smol", "tokio", "tower", "ureq"];

/// Crates where `unsafe` has a place, in named modules. The benches are nobody's dependency.
const WITH_UNSAFE: &[&str] = &["benches", "gguf", "kernels"];

fn workspace() -> Metadata {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap()
}

fn short_name(package: &Package) -> &str {
    package.name.strip_prefix("camelid-").unwrap()
}

#[test]
fn every_crate_knows_only_the_floors_below_it() {
    let workspace = workspace();
    let found: BTreeSet<&str> = workspace.packages.iter().map(short_name).collect();
    for package in &workspace.packages {
        let name = short_name(package);
        let allowed = FLOORS.iter().find(|(floor, _)| *floor == name);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{name} has no place in FLOORS"));
        for dependency in &package.dependencies {
            let is_test = dependency.kind == DependencyKind::Development;
            let Some(known) = dependency.name.strip_prefix("camelid-").filter(|_| !is_test) else {
                continue;
            };
            assert!(allowed.contains(&known), "{name} must not know {known}");
        }
    }
    assert!(found.is_superset(&LIBRARIES.iter().copied().collect()), "{found:?}");
}

#[test]
fn libraries_have_no_async_runtime_and_no_http_by_default() {
    for name in LIBRARIES {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
            .args(["--package", &format!("camelid-{name}")])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(tree.contains(&format!("camelid-{name} ")), "the tree begins with the crate");
        for package in tree.lines().filter_map(|line| line.split(' ').next()) {
            assert!(!HEAVY.contains(&package), "{name} pulls in {package}");
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_outside_its_places() {
    for package in &workspace().packages {
        let name = short_name(package);
        let roots = package.targets.iter().filter(|t| t.is_lib() || t.is_bin());
        for root in roots.filter(|_| !WITH_UNSAFE.contains(&name)) {
            let text = std::fs::read_to_string(&root.src_path).unwrap();
            assert!(text.contains("#![forbid(unsafe_code)]"), "{name}: {}", root.src_path);
        }
    }
}
