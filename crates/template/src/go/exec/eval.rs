//! Values of pipelines, commands and operands.

use super::super::ast::{Arg, Command, Expr, Pipe};
use super::super::functions::{Call, Function};
use super::super::value::Value;
use super::{Done, Exec, MAX_OUTPUT, MAX_STRING};

impl<'t> Exec<'t> {
    /// The value of a pipeline, which is also given to the variables it declares.
    pub(super) fn eval_pipeline(&mut self, dot: &Value, pipe: &'t Pipe) -> Done<Value> {
        self.at(pipe.pos, pipe);
        let mut value = None;
        for command in &pipe.cmds {
            value = Some(self.eval_command(dot, command, value)?);
        }
        let value = value.unwrap_or_default();
        for name in &pipe.decl {
            if pipe.is_assign {
                self.assign(name, value.clone())?;
            } else {
                self.vars.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    /// `piped` is what the command before this one in the pipeline made.
    fn eval_command(
        &mut self,
        dot: &Value,
        command: &'t Command,
        piped: Option<Value>,
    ) -> Done<Value> {
        self.step()?;
        let Some((first, args)) = command.args.split_first() else { return Ok(Value::Nil) };
        match &first.expr {
            Expr::Identifier(function) => {
                self.at(first.pos, first);
                return self.eval_call(dot, function, Some(command), first, args, piped);
            }
            Expr::Field(path) => {
                self.at(first.pos, first);
                self.no_arguments(path.last(), args, &piped)?;
                return self.eval_path(dot.clone(), path, false);
            }
            Expr::Variable(_, path) if !path.is_empty() => {
                self.at(first.pos, first);
                self.no_arguments(path.last(), args, &piped)?;
            }
            Expr::Chain(_, path) => {
                self.at(first.pos, first);
                self.no_arguments(path.last(), args, &piped)?;
            }
            _ => {
                self.at(first.pos, first);
                if !args.is_empty() || piped.is_some() {
                    let message = format!("can't give argument to non-function {first}");
                    return Err(self.fail(message));
                }
                if matches!(first.expr, Expr::Nil) {
                    return Err(self.fail("nil is not a command"));
                }
            }
        }
        self.eval_arg(dot, first)
    }

    /// A field is not a method: it takes no arguments.
    fn no_arguments(
        &self,
        field: Option<&String>,
        args: &[Arg],
        piped: &Option<Value>,
    ) -> Done<()> {
        if args.is_empty() && piped.is_none() {
            return Ok(());
        }
        let field = field.map_or("", String::as_str);
        Err(self.fail(format!("{field} is not a method but has arguments")))
    }

    fn eval_arg(&mut self, dot: &Value, arg: &'t Arg) -> Done<Value> {
        self.at(arg.pos, arg);
        match &arg.expr {
            Expr::Dot => Ok(dot.clone()),
            Expr::Nil => Ok(Value::Nil),
            Expr::Constant(value, _) => Ok(value.clone()),
            Expr::Field(path) => self.eval_path(dot.clone(), path, false),
            Expr::Variable(name, path) => {
                let value = self.variable(name)?;
                self.eval_path(value, path, false)
            }
            Expr::Pipe(pipe) => self.nested(|exec| exec.eval_pipeline(dot, pipe)),
            Expr::Chain(inner, path) => {
                let value = self.nested(|exec| exec.eval_arg(dot, inner))?;
                self.at(arg.pos, arg);
                self.eval_path(value, path, false)
            }
            Expr::Identifier(function) => self.eval_call(dot, function, None, arg, &[], None),
        }
    }

    fn variable(&self, name: &str) -> Done<Value> {
        match self.vars.iter().rev().find(|(n, _)| *n == name) {
            Some((_, value)) => Ok(value.clone()),
            None => Err(self.fail(format!("undefined variable: {name}"))),
        }
    }

    /// Follows fields. `from_map` says that `value` was stored in a map or list, where Go knows
    /// only that it is something.
    fn eval_path(&self, mut value: Value, path: &[String], mut from_map: bool) -> Done<Value> {
        for name in path {
            value = match &value {
                Value::Map(map) => {
                    from_map = true;
                    map.get(name)
                }
                Value::Record(record) => {
                    from_map = false;
                    match record.get(name) {
                        Some(field) => field.clone(),
                        None => return Err(self.no_field(name, record.type_name)),
                    }
                }
                Value::Nil if from_map => {
                    return Err(self.fail(format!("nil pointer evaluating interface {{}}.{name}")));
                }
                Value::Nil => return Err(self.fail(format!("nil data; no entry for key {name:?}"))),
                other => {
                    let found = if from_map { "interface {}" } else { other.type_name() };
                    return Err(self.no_field(name, found));
                }
            };
        }
        Ok(value)
    }

    fn no_field(&self, name: &str, type_name: &str) -> super::Stop {
        self.fail(format!("can't evaluate field {name} in type {type_name}"))
    }

    /// Calls `function` with `args` and, last, what was piped in.
    fn eval_call(
        &mut self,
        dot: &Value,
        function: &'static Function,
        command: Option<&'t Command>,
        name: &'t Arg,
        args: &'t [Arg],
        piped: Option<Value>,
    ) -> Done<Value> {
        self.step()?;
        let n_args = args.len() + usize::from(piped.is_some());
        self.check_arity(function, n_args, args.len())?;
        if let Call::And | Call::Or = function.call {
            return self.short_circuit(dot, function, args, piped);
        }
        let mut values = Vec::with_capacity(n_args);
        for arg in args {
            values.push(self.eval_arg(dot, arg)?);
        }
        values.extend(piped);
        match command {
            Some(command) => self.at(command.pos, command),
            None => self.at(name.pos, name),
        }
        let result = match function.call {
            Call::Eager(call) => call(&self.context, &values),
            _ => Err(not_a_function(args.first(), &values[0])),
        };
        let value = result
            .map_err(|message| self.fail(format!("error calling {}: {message}", function.name)))?;
        self.charge(&value)?;
        Ok(value)
    }

    fn check_arity(&self, function: &Function, n_args: usize, n_given: usize) -> Done<()> {
        let name = function.name;
        if n_args < function.min_args && function.max_args.is_none() {
            let least = function.min_args;
            let message =
                format!("wrong number of args for {name}: want at least {least} got {n_given}");
            return Err(self.fail(message));
        }
        if let Some(wanted) = function.max_args
            && (n_args < function.min_args || n_args > wanted)
        {
            let message = format!("wrong number of args for {name}: want {wanted} got {n_args}");
            return Err(self.fail(message));
        }
        Ok(())
    }

    /// `and` stops at the first false argument, `or` at the first true one; that is their value.
    fn short_circuit(
        &mut self,
        dot: &Value,
        function: &Function,
        args: &'t [Arg],
        piped: Option<Value>,
    ) -> Done<Value> {
        let stops_at = matches!(function.call, Call::Or);
        let mut value = Value::Nil;
        for arg in args {
            value = self.eval_arg(dot, arg)?;
            if value.is_true() == stops_at {
                return Ok(value);
            }
        }
        Ok(piped.unwrap_or(value))
    }

    /// Counts the text that functions make, so that doubling a string again and again ends.
    fn charge(&mut self, value: &Value) -> Done<()> {
        let Value::Str(text) = value else { return Ok(()) };
        self.n_made = self.n_made.saturating_add(text.len());
        if text.len() > MAX_STRING || self.n_made > MAX_OUTPUT {
            return Err(self.fail(format!("functions made more than {MAX_STRING} bytes of text")));
        }
        Ok(())
    }
}

fn not_a_function(arg: Option<&Arg>, value: &Value) -> String {
    let shown = arg.map_or(String::new(), Arg::to_string);
    match value {
        Value::Nil => "call of nil".to_owned(),
        value => format!("non-function {shown} of type {}", value.type_name()),
    }
}
