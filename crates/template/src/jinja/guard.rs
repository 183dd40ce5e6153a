//! Checks between a compiled template's instructions.
//!
//! Templates come with downloaded models, and a few dozen bytes of one can ask for any amount of
//! memory: by doubling a text in a loop, by printing into a variable, by a list that holds itself.
//! `minijinja` counts instructions and not what they make, so the instructions that make, print or
//! look through values get guards around them:
//!
//! - before `+`, `*` and `~`, the size of the result is charged (`camelid:before*` and so on);
//! - what is built, and what filters, functions and methods return, is weighed and charged;
//! - text of the template itself is printed as a value is, so that the printer charges it;
//! - a namespace is weighed after an assignment, which is where a value can come to hold itself;
//! - comparisons, tests and filters of one operand charge its surface.
//!
//! Guards are functions and filters of the environment whose names no template can spell. They
//! change no value and no order of evaluation. Working on instructions rather than on the text
//! needs `minijinja`'s internals, for which its exact version is fixed in the manifest.

use minijinja::machinery::{Instruction, Instructions};
use minijinja::value::{Kwargs, Rest, Tuple, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::budget::{charge, over_budget};
use super::weight::{MAX_WEIGHT, NODE, Weight, surface};

/// The function before `+` and `~`.
const BEFORE_JOINING: &str = "camelid:before+";
/// The function before `*`.
const BEFORE_REPEATING: &str = "camelid:before*";
/// The function before an assignment to a namespace's attribute.
const BEFORE_SETTING: &str = "camelid:before=";
/// The filter after what makes a value.
const WEIGHED: &str = "camelid:weighed";
/// The filter before what looks at a value.
const TOUCHED: &str = "camelid:touched";
/// Filters are looked up by name each time instead of being remembered in one of the few places
/// that a template's own filters have.
const NOT_REMEMBERED: u8 = u8::MAX;

/// `instructions` with guards. Positions in error messages stay as they are.
///
/// # Errors
/// When the template reaches for other templates, which a chat template has none of.
pub(super) fn guarded<'s>(instructions: &Instructions<'s>) -> Result<Instructions<'s>, Error> {
    let all = || (0..).map_while(|at| Some((at, instructions.get(at)?)));
    let mut targets = Vec::new();
    let mut n_guarded = 0;
    for (_, instruction) in all() {
        targets.push(n_guarded);
        n_guarded += surrounded(instruction)?.len() as u32;
    }
    targets.push(n_guarded);
    let mut out = Instructions::new(instructions.name(), instructions.source());
    for (at, instruction) in all() {
        for mut instruction in surrounded(instruction)? {
            redirect(&mut instruction, &targets);
            match (instructions.get_span(at), instructions.get_line(at)) {
                (Some(span), _) => out.add_with_span(instruction, span),
                (None, Some(line)) => {
                    out.add_with_line(instruction, u16::try_from(line).unwrap_or(u16::MAX))
                }
                (None, None) => out.add(instruction),
            };
        }
    }
    Ok(out)
}

/// An instruction and its guards.
fn surrounded<'s>(instruction: &Instruction<'s>) -> Result<Vec<Instruction<'s>>, Error> {
    use Instruction as I;
    let own = instruction.clone();
    let before = |check, n| [I::CallFunction(check, Some(n)), I::UnpackList(usize::from(n))];
    let weighed = || I::ApplyFilter(WEIGHED, Some(1), NOT_REMEMBERED);
    let touched = || I::ApplyFilter(TOUCHED, Some(1), NOT_REMEMBERED);
    Ok(match instruction {
        I::EmitRaw(text) => vec![I::LoadConst(Value::from(*text)), I::Emit],
        I::Add | I::StringConcat => {
            let [check, unpack] = before(BEFORE_JOINING, 2);
            vec![check, unpack, own, weighed()]
        }
        I::Mul => {
            let [check, unpack] = before(BEFORE_REPEATING, 2);
            vec![check, unpack, own, weighed()]
        }
        // The check gives three values back: the namespace stays for the scales.
        I::SetAttr(_) => vec![
            I::CallFunction(BEFORE_SETTING, Some(2)),
            I::UnpackList(3),
            own,
            weighed(),
            I::DiscardTop,
        ],
        I::BuildList(_) | I::BuildTuple(_) | I::BuildMap(_) | I::Slice => vec![own, weighed()],
        I::CallFunction(..) | I::CallMethod(..) | I::CallObject(_) => vec![own, weighed()],
        I::ApplyFilter(_, Some(1), _) => vec![touched(), own, weighed()],
        I::ApplyFilter(..) => vec![own, weighed()],
        I::PerformTest(_, Some(1), _) | I::In | I::CompareAndPreserve(_) => vec![touched(), own],
        I::Eq | I::Ne | I::Gt | I::Gte | I::Lt | I::Lte => vec![touched(), own],
        I::Include(_) | I::LoadBlocks => return Err(no_other_templates()),
        _ => vec![own],
    })
}

/// Gives a jump its target's new place.
fn redirect(instruction: &mut Instruction<'_>, targets: &[u32]) {
    use Instruction as I;
    if let I::Jump(target)
    | I::JumpIfFalse(target)
    | I::JumpIfFalseOrPop(target)
    | I::JumpIfTrueOrPop(target)
    | I::Iterate(target)
    | I::BuildMacro(_, target, _) = instruction
    {
        *target = targets[*target as usize];
    }
}

fn no_other_templates() -> Error {
    Error::new(ErrorKind::TemplateNotFound, "a chat template cannot use other templates")
}

/// Adds the guards, and charges the filters whose result can be much larger than what they get.
pub(super) fn add_guards(env: &mut Environment<'_>) {
    env.add_function(BEFORE_JOINING, before_joining);
    env.add_function(BEFORE_REPEATING, before_repeating);
    env.add_function(BEFORE_SETTING, |value: Value, namespace: Value| {
        Tuple::from(vec![namespace.clone(), value, namespace])
    });
    env.add_filter(WEIGHED, weighed);
    env.add_filter(TOUCHED, |state: &State<'_, '_>, value: Value| {
        charge(state, surface(&value))?;
        Ok::<_, Error>(value)
    });
    add_charged(env, "join", Value::from_function(minijinja::filters::join));
    add_charged(env, "indent", Value::from_function(minijinja::filters::indent));
    add_charged(env, "replace", Value::from_function(minijinja::filters::replace));
    add_charged(env, "format", Value::from_function(minijinja::filters::format));
}

fn weighed(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    charge_weight(state, &value)?;
    Ok(value)
}

/// Charges what a value weighs, as far as it was not charged before.
pub(super) fn charge_weight(state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    let weight = Weight::of(value).map_err(over_budget)?;
    // Text that lies within was charged when it was made.
    let own_text = value.as_str().map_or(0, str::len) as u64;
    charge(state, weight.n_nodes * NODE + own_text)
}

fn before_joining(state: &State<'_, '_>, left: Value, right: Value) -> Result<Tuple, Error> {
    let total = weigh_together(&left, &right)?;
    within(total)?;
    charge(state, total)?;
    Ok(Tuple::from(vec![right, left]))
}

fn before_repeating(state: &State<'_, '_>, left: Value, right: Value) -> Result<Tuple, Error> {
    let times = left.as_usize().or(right.as_usize()).unwrap_or(1) as u64;
    let total = weigh_together(&left, &right)?.saturating_mul(times.max(1));
    // Two numbers make a number.
    if !(left.is_number() && right.is_number()) {
        within(total)?;
        charge(state, total)?;
    }
    Ok(Tuple::from(vec![right, left]))
}

fn weigh_together(left: &Value, right: &Value) -> Result<u64, Error> {
    let left = Weight::of(left).map_err(over_budget)?;
    let right = Weight::of(right).map_err(over_budget)?;
    Ok(left.total().saturating_add(right.total()))
}

fn within(total: u64) -> Result<(), Error> {
    if total > MAX_WEIGHT {
        return Err(over_budget(super::error::OverBudget(MAX_WEIGHT)));
    }
    Ok(())
}

/// Replaces the filter `name` by one that charges an upper bound of its result first.
fn add_charged(env: &mut Environment<'_>, name: &'static str, filter: Value) {
    env.add_filter(name, move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
        let args = args.into_values();
        charge_growth(state, name, &args)?;
        filter.call(state, &args)
    });
}

/// Charges an upper bound of what `name`, a filter or a method, makes of its arguments, the value
/// it is applied to first; nothing for those whose result is no larger than their arguments.
pub(super) fn charge_growth(
    state: &State<'_, '_>,
    name: &str,
    args: &[Value],
) -> Result<(), Error> {
    let mut sizes = Vec::with_capacity(args.len());
    for arg in args {
        sizes.push(Weight::of(arg).map_err(over_budget)?.total());
    }
    let all: u64 = sizes.iter().sum();
    let bound = match name {
        // At most one separator or replacement for each byte or item.
        "join" | "replace" => all.saturating_mul(sizes.last().copied().unwrap_or(1)),
        // Every line gets as many blanks as one of the numbers says, in the text of a format too.
        "indent" | "format" => all.saturating_mul(largest_number(args).max(1)),
        _ => all,
    };
    if bound > MAX_WEIGHT {
        return exact_growth(name, args).map_or_else(|| within(bound), within);
    }
    charge(state, all)
}

/// The size of a result where the bound is far above it, as in joining a long list by a comma.
fn exact_growth(name: &str, args: &[Value]) -> Option<u64> {
    let text = |at: usize| args.get(at).and_then(Value::as_str);
    match name {
        "replace" => {
            let (whole, from, to) = (text(0)?, text(1)?, text(2)?);
            let n = if from.is_empty() { whole.len() + 1 } else { whole.matches(from).count() };
            Some((whole.len() as u64).saturating_add((n as u64).saturating_mul(to.len() as u64)))
        }
        "join" => {
            // As a filter the list comes first, as a method the separator does.
            let (list, separator) = match (text(0), args.get(1)) {
                (Some(separator), Some(list)) => (list, separator),
                _ => (&args[0], text(1).unwrap_or_default()),
            };
            let n = Weight::of(list).ok()?;
            let separators = n.n_nodes.saturating_mul(separator.len() as u64);
            Some(n.total().saturating_add(separators))
        }
        "indent" => {
            let n_lines = text(0)?.lines().count() as u64;
            let blanks = n_lines.saturating_mul(largest_number(args));
            Some((text(0)?.len() as u64).saturating_add(blanks))
        }
        _ => None,
    }
}

/// The largest whole number among arguments, in keyword arguments, or written in a text.
fn largest_number(args: &[Value]) -> u64 {
    let of = |value: &Value| match value.as_str() {
        Some(text) => {
            let digits = text.split(|c: char| !c.is_ascii_digit()).filter(|d| !d.is_empty());
            digits.map(|d| d.parse().unwrap_or(u64::MAX)).max().unwrap_or(0)
        }
        None => value.as_usize().unwrap_or(0) as u64,
    };
    let direct = args.iter().map(of);
    let by_name = args.iter().filter_map(|arg| Kwargs::try_from(arg.clone()).ok());
    let by_name = by_name.flat_map(|kwargs| {
        let names: Vec<String> = kwargs.args().map(str::to_owned).collect();
        names.into_iter().filter_map(move |name| kwargs.get::<Value>(&name).ok())
    });
    direct.chain(by_name.map(|value| of(&value))).max().unwrap_or(0)
}
