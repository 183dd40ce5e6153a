//! 61 small templates against Go 1.27's own `text/template`.

use camelid_template::go::{Call, Context, Function, Template, Value};
use serde_json::Value as Json;

use super::{folder, read_json, report};

static FUNCTIONS: &[Function] = &[
    Function {
        name: "json",
        min_args: 1,
        max_args: Some(1),
        call: Call::Eager(|_, args| Ok(args[0].to_json().unwrap_or_default().into())),
    },
    Function {
        name: "currentDate",
        min_args: 0,
        max_args: None,
        call: Call::Eager(|context, _| Ok(context.today.to_string().into())),
    },
];

#[test]
fn the_language_is_go_s() {
    let Some(folder) = folder("go-templates") else { return };
    let file = read_json(&folder.join("language.json"));
    let data = Value::from(&file["data"]);
    let context = Context { today: jiff::civil::date(2026, 1, 15) };
    let cases = file["cases"].as_array().expect("cases");
    let mut failures = Vec::new();
    for case in cases {
        let text = case["template"].as_str().expect("a text");
        let got = match Template::parse("t", text, FUNCTIONS) {
            Err(error) => ("parse_error", error.to_string()),
            Ok(template) => match template.execute(&data, context) {
                Err(error) => ("exec_error", error.to_string()),
                Ok(output) => ("expected", output),
            },
        };
        let wanted = ["parse_error", "exec_error", "expected"]
            .into_iter()
            .find_map(|kind| Some((kind, case.get(kind)?)));
        let (kind, wanted) = wanted.expect("a result");
        let text_of = |json: &Json| json.as_str().expect("a text").to_owned();
        let got_text = got.1.strip_prefix("template: ").unwrap_or(&got.1);
        if got.0 != kind || got_text != text_of(wanted) {
            failures.push(format!("{text:?}\n    got    {got:?}\n    wanted {kind} {wanted}"));
        }
    }
    report("go-templates/language.json", cases.len(), &failures);
}
