use super::*;
use proptest::prelude::*;

fn full(text: &str) -> String {
    ModelName::parse(text).map(|name| name.full()).unwrap()
}

#[test]
fn missing_parts_take_their_defaults() {
    assert_eq!(full("m"), "registry.ollama.ai/library/m:latest");
    assert_eq!(full("m:t"), "registry.ollama.ai/library/m:t");
    assert_eq!(full("n/m"), "registry.ollama.ai/n/m:latest");
    assert_eq!(full("h:5000/n/m"), "h:5000/n/m:latest");
    assert_eq!(full("h:5000/n/m:t"), "h:5000/n/m:t");
    assert_eq!(full("hf.co/user/repo.GGUF:Q4_K_M"), "hf.co/user/repo.GGUF:Q4_K_M");
    assert_eq!(full("_why/_the/_lucky:_stiff"), "_why/_the/_lucky:_stiff");
}

#[test]
fn names_shorten_as_far_as_the_defaults_go() {
    let short = |text: &str| ModelName::parse(text).unwrap().to_string();
    assert_eq!(short("m"), "m:latest");
    assert_eq!(short("Registry.Ollama.AI/Library/m:t"), "m:t");
    assert_eq!(short("n/m"), "n/m:latest");
    assert_eq!(short("example.com/library/m"), "example.com/library/m:latest");
}

#[test]
fn hostile_names_are_refused() {
    let long = "x".repeat(81);
    let very_long = "x".repeat(1 << 20);
    for text in [
        "",
        "^",
        ":",
        "/",
        "//",
        "mm:",
        ":tt",
        "/nn/mm",
        "nn/",
        "a//b",
        "host/name:space/model:tag",
        "hh/-nn/mm:tt",
        "../m",
        "..",
        ".",
        "a/../b",
        "../../../../etc/passwd",
        "/etc/passwd",
        "C:\\x",
        "\\\\host\\share",
        "m\0",
        "m\n",
        "m:t\0",
        "mé",
        "m m",
        " m",
        "m@sha256:abc",
        "http://h/n/m",
        "h/n.n/m",
        "m:a/b",
        "~/m",
        "m.",
        "m:t.",
        "con",
        "n/NUL.txt",
        "m:com1",
        "aux/m",
        "%2e%2e/m",
        &long,
        &very_long,
        "a/b/c/d",
    ] {
        assert!(ModelName::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn errors_name_the_part_and_the_fault() {
    let error = ModelName::parse("hh/-nn/mm:tt").unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid model name \"hh/-nn/mm:tt\": the namespace has '-' where that is not allowed"
    );
    assert_eq!(error.part(), Part::Namespace);
    assert_eq!(ModelName::parse("mm:").unwrap_err().fault(), &NameFault::Empty);
    assert!(ModelName::parse(&"é".repeat(1 << 20)).unwrap_err().to_string().len() < 400);
}

#[test]
fn device_names_are_recognised_with_their_extensions() {
    for device in ["con", "Nul", "COM1", "lpt9", "aux.gguf", "con:80"] {
        assert!(is_device_name(device), "{device}");
    }
    for harmless in ["console", "com", "com10", "lptx", "nullable", "a.con"] {
        assert!(!is_device_name(harmless), "{harmless}");
    }
}

#[test]
fn paths_have_four_parts() {
    let name = ModelName::parse("h/n/m:t").unwrap();
    assert_eq!(name.to_path(), Path::new("h/n/m/t"));
    for path in ["", "h/n/m", "h/n/m/t/x", "/h/n/m/t", "../n/m/t", "h/../m/t", "h/n/m/.DS_Store"] {
        assert_eq!(ModelName::from_path(Path::new(path)), None, "{path}");
    }
}

#[test]
fn ports_are_spelled_so_that_windows_can_store_them() {
    assert_eq!(host_to_file_name("localhost:5000", true), "localhost%3A5000");
    assert_eq!(host_from_file_name("localhost%3A5000", true), "localhost:5000");
    assert_eq!(host_to_file_name("localhost:5000", false), "localhost:5000");
}

proptest! {
    #[test]
    fn no_name_leaves_the_store(text in "[a-zA-Z0-9_./:\\\\@%~ \\-\u{0}é]{0,40}") {
        if let Ok(name) = ModelName::parse(&text) {
            let path = name.to_path();
            prop_assert_eq!(path.components().count(), 4);
            prop_assert!(path.components().all(|c| matches!(c, Component::Normal(_))));
        }
    }

    #[test]
    fn every_form_reads_back(text in "([a-z][a-zA-Z0-9_.\\-]{0,8}(:[0-9]{2})?/)?([A-Z][a-z0-9_\\-]{0,4}/)?[a-z][a-z0-9.]{0,5}(:[a-z][a-z0-9.]{0,3})?") {
        if let Ok(name) = ModelName::parse(&text) {
            prop_assert_eq!(ModelName::parse(&name.full()), Ok(name.clone()));
            prop_assert_eq!(ModelName::from_path(&name.to_path()), Some(name.clone()));
            let short = ModelName::parse(&name.short());
            prop_assert!(short.is_ok_and(|short| short.eq_ignore_case(&name)));
        }
    }

    #[test]
    fn any_text_is_judged_without_panic(text in any::<String>()) {
        let _ = (ModelName::parse(&text), ModelName::from_path(Path::new(&text)));
    }
}
