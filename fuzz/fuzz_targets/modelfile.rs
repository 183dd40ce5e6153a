//! Feeds bytes to the Modelfile reader and holds it against its own printers.

#![no_main]

use camelid_modelfile::{Document, Modelfile, decode, format, lint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let document = Document::parse(decode(bytes));
    let source = document.source();
    let end = document.items().iter().fold(0, |end, item| {
        assert_eq!(item.span.start, end, "items leave a gap or overlap");
        item.span.end
    });
    assert_eq!(end, source.len());

    for error in document.errors() {
        let _ = (error.to_string(), error.hint(), error.ollama_message());
        let _ = error.snippet(source, "Modelfile").to_string();
    }
    for finding in lint(&document) {
        let _ = finding.snippet(source, "Modelfile").to_string();
    }
    let tidy = Document::parse(format(&document));
    assert_eq!(format(&tidy), tidy.to_string(), "formatting does not settle");
    if let Ok(modelfile) = document.modelfile() {
        assert_eq!(tidy.modelfile().as_ref(), Ok(&modelfile), "formatting changes the meaning");
        assert_eq!(Modelfile::parse(&modelfile.to_string()).as_ref(), Ok(&modelfile));
        let _ = (modelfile.parameters(), modelfile.requires());
    }
});
