//! The template engine with Hugging Face's settings.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::budget::{charge, max_steps, over_budget};
use super::filters;
use super::guard::add_guards;
use super::prepare::ITERATED;
use super::weight::Weight;

/// An engine without templates, set up as Hugging Face's `apply_chat_template` sets up Jinja2.
pub(super) fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_syntax(syntax());
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_fuel(Some(max_steps(0)));
    env.set_unknown_method_callback(filters::unknown_method);
    env.set_formatter(|out, state, value| {
        charge(state, Weight::of(value).map_err(over_budget)?.total())?;
        minijinja::escape_formatter(out, state, value)
    });
    env.add_filter("tojson", filters::tojson);
    env.add_filter(ITERATED, filters::iterated);
    add_guards(&mut env);
    filters::add_lazy(&mut env, "map", Value::from_function(minijinja::filters::map));
    filters::add_lazy(&mut env, "select", Value::from_function(minijinja::filters::select));
    filters::add_lazy(&mut env, "selectattr", Value::from_function(minijinja::filters::selectattr));
    filters::add_lazy(&mut env, "reject", Value::from_function(minijinja::filters::reject));
    filters::add_lazy(&mut env, "rejectattr", Value::from_function(minijinja::filters::rejectattr));
    env.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
    env.add_function("raise_exception", filters::raise_exception);
    env
}

/// Hugging Face's settings: a block's line leaves no trace.
pub(super) fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .expect("because the default delimiters are valid")
}
