//! Tools' names as gpt-oss can write them: identifiers of TypeScript.

use std::collections::HashSet;

use camelid_api_types::ollama::Tool;

/// The names that stay as they are: the model's own tools.
const BUILT_IN: [&str; 4] = ["browser.open", "browser.search", "browser.find", "python"];

/// The tools' names and what they are called in the prompt.
#[derive(Debug, Clone, Default)]
pub struct ToolNames {
    /// `(in the request, in the prompt)`.
    pairs: Vec<(String, String)>,
}

impl ToolNames {
    /// Names for these tools, each different from the others.
    #[must_use]
    pub fn new(tools: &[Tool]) -> Self {
        let mut taken = HashSet::new();
        let pairs = tools.iter().map(|tool| {
            let original = tool.function.name.clone();
            let base = identifier(&original);
            let mut name = base.clone();
            let mut n = 2;
            while !taken.insert(name.clone()) {
                name = format!("{base}_{n}");
                n += 1;
            }
            (original, name)
        });
        Self { pairs: pairs.collect() }
    }

    /// The tools under the names for the prompt.
    #[must_use]
    pub fn renamed(&self, tools: &[Tool]) -> Vec<Tool> {
        let mut tools = tools.to_vec();
        for (tool, (_, name)) in tools.iter_mut().zip(&self.pairs) {
            tool.function.name.clone_from(name);
        }
        tools
    }

    /// The request's name for what the model calls `name`.
    #[must_use]
    pub fn original(&self, name: &str) -> String {
        let pair = self.pairs.iter().find(|(_, renamed)| renamed == name);
        pair.map_or(name, |(original, _)| original).to_owned()
    }
}

fn identifier(name: &str) -> String {
    if BUILT_IN.contains(&name) {
        return name.to_owned();
    }
    let kept = name.chars().filter_map(|c| match c {
        ' ' | '-' | '.' => Some('_'),
        c if c.is_alphanumeric() || c == '_' || c == '$' => Some(c),
        _ => None,
    });
    let name: String = kept.collect();
    match name.chars().next() {
        None => "unnamed".to_owned(),
        Some(c) if c.is_numeric() => format!("_{name}"),
        Some(_) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers_and_come_back() {
        let tool = |name: &str| {
            let mut tool = Tool::default();
            tool.function.name = name.to_owned();
            tool
        };
        let tools: Vec<Tool> =
            ["get weather", "get-weather", "1st", "!?", "browser.open", "ok"].map(tool).into();
        let names = ToolNames::new(&tools);
        let renamed: Vec<String> =
            names.renamed(&tools).into_iter().map(|t| t.function.name).collect();
        assert_eq!(
            renamed,
            ["get_weather", "get_weather_2", "_1st", "unnamed", "browser.open", "ok"]
        );
        assert_eq!(names.original("get_weather_2"), "get-weather");
        assert_eq!(names.original("other"), "other");
    }
}
