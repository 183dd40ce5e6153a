//! The vendors' own words around lists of tools, as in the chat templates they publish.
//!
//! They are data, not ours to phrase: a model follows the instructions it was trained on.

/// Qwen3-Coder, Qwen 3.5, Nemotron: how a call is written.
pub(super) const CODER_USAGE: &str = "\n\nIf you choose to call a function ONLY reply in the \
following format with NO suffix:\n\n<tool_call>\n<function=example_function_name>\n\
<parameter=example_parameter_1>\nvalue_1\n</parameter>\n<parameter=example_parameter_2>\n\
This is the value for the second parameter\nthat can span\nmultiple lines\n</parameter>\n\
</function>\n</tool_call>\n\n<IMPORTANT>\nReminder:\n\
- Function calls MUST follow the specified format: an inner <function=...></function> block must \
be nested within <tool_call></tool_call> XML tags\n\
- Required parameters MUST be specified\n\
- You may provide optional reasoning for your function call in natural language BEFORE the \
function call, but NOT after\n\
- If there is no function call available, answer the question like normal with your current \
knowledge and do not tell the user about function calls\n</IMPORTANT>";

/// The heading over the coder families' tools.
pub(super) const CODER_TOOLS: &str =
    "# Tools\n\nYou have access to the following functions:\n\n<tools>";

/// Qwen3-Coder's system text when there are tools and no system message.
pub(super) const CODER_SYSTEM: &str =
    "You are Qwen, a helpful AI assistant that can interact with a computer to solve tasks.";

/// Qwen 3 and GLM: the heading over tools written as JSON.
pub(super) const JSON_TOOLS: &str = "# Tools\n\nYou may call one or more functions to assist \
with the user query.\n\nYou are provided with function signatures within <tools></tools> XML \
tags:\n<tools>";

/// Qwen 3: how a call is written.
pub(super) const QWEN_JSON_USAGE: &str = "\n</tools>\n\nFor each function call, return a json \
object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n\
{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>";

/// GLM: how a call is written.
pub(super) const GLM_USAGE: &str = "\n</tools>\n\nFor each function call, output the function \
name and arguments within the following XML format:\n<tool_call>{function-name}<arg_key>\
{arg-key-1}</arg_key><arg_value>{arg-value-1}</arg_value><arg_key>{arg-key-2}</arg_key><arg_value>\
{arg-value-2}</arg_value>...</tool_call>";

/// Qwen 3.8 at its highest effort.
pub(super) const QWEN_EFFORT_HIGH: &str = "Reasoning effort is set to xhigh. Please think \
carefully through the task, validate key assumptions, consider plausible alternatives, and \
prioritize correctness, consistency, and clarity in the final answer.";

/// Qwen 3.8 at its lowest effort.
pub(super) const QWEN_EFFORT_LOW: &str = "Reasoning effort is set to low. Keep your thinking \
brief and focused, moving directly to the conclusion without unnecessary elaboration.";

/// Cogito's system text.
pub(super) const COGITO_SYSTEM: &str = "You are Cogito, an AI assistant created by Deep Cogito, \
which is an AI research lab based in San Francisco.";

/// Cogito's switch.
pub(super) const COGITO_THINKING: &str = "Enable deep thinking subroutine.\n\n";

/// DeepSeek V3.1: how a call is written.
pub(super) const DEEPSEEK_USAGE: &str = "IMPORTANT: ALWAYS adhere to this exact format for tool \
use:\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>tool_call_name<｜tool▁sep｜>tool_call_arguments\
<｜tool▁call▁end｜>{{additional_tool_calls}}<｜tool▁calls▁end｜>\n\nWhere:\n\n\
- `tool_call_name` must be an exact match to one of the available tools\n\
- `tool_call_arguments` must be valid JSON that strictly follows the tool's Parameters Schema\n\
- For multiple tool calls, chain them directly without separators or spaces\n";

/// Laguna's system text.
pub(super) const LAGUNA_SYSTEM: &str = "You are a helpful, conversationally-fluent assistant \
made by Poolside. You are here to be helpful to users through natural language conversations.";

/// Laguna: the heading over the tools.
pub(super) const LAGUNA_TOOLS: &str = "### Tools\n\nYou may call functions to assist with the \
user query.\nAll available function signatures are listed below:\n<available_tools>\n";

/// Laguna: how a call is written.
pub(super) const LAGUNA_USAGE: &str = "For each function call, return an unescaped XML-like \
object with function name and arguments within '<tool_call>' and '</tool_call>' tags, like \
here:\n<tool_call>function-name\n<arg_key>argument-key</arg_key>\n\
<arg_value>value-of-argument-key</arg_value>\n</tool_call>";

/// Laguna: the same for a turn that begins with thinking.
pub(super) const LAGUNA_USAGE_THINKING: &str = "Wrap your thinking in '<think>', '</think>' tags, \
followed by a function call. For each function call, return an unescaped XML-like object with \
function name and arguments within '<tool_call>' and '</tool_call>' tags, like here:\n\
<think> your thoughts here </think>\n<tool_call>function-name\n<arg_key>argument-key</arg_key>\n\
<arg_value>value-of-argument-key</arg_value>\n</tool_call>";

/// OLMo 3's system text without tools.
pub(super) const OLMO_SYSTEM: &str = "You are a helpful function-calling AI assistant. ";

/// OLMo 3.1's.
pub(super) const OLMO31_SYSTEM: &str = "You are Olmo, a helpful AI assistant built by Ai2. Your \
date cutoff is December 2024, and your model weights are available at \
https://huggingface.co/allenai. ";

/// OLMo: said when there are no tools.
pub(super) const OLMO_NO_FUNCTIONS: &str =
    "You do not currently have access to any functions. <functions></functions>";

/// OLMo: said when there are.
pub(super) const OLMO_FUNCTIONS: &str = "You are provided with function signatures within \
<functions></functions> XML tags. You may call one or more functions to assist with the user \
query. Output any function calls within <function_calls></function_calls> XML tags. Do not make \
assumptions about what values to plug into functions.";

/// OLMo 3 Think's system text where it is the 32B model.
pub(super) const OLMO_THINK_32B_SYSTEM: &str = "You are a helpful AI assistant.";

/// OLMo 3 Think's system text.
pub(super) const OLMO_THINK_SYSTEM: &str = "You are Olmo, a helpful AI assistant built by Ai2. \
Your date cutoff is December 2024, and your model weights are available at \
https://huggingface.co/allenai.";

/// FunctionGemma's line over its declarations.
pub(super) const FUNCTION_GEMMA: &str = "You can do function calling with the following functions:";

/// Glimmer's system text.
pub(super) const GLIMMER_SYSTEM: &str = "You are a helpful AI assistant.";

/// Glimmer: how a call is written, before the list of tools.
pub(super) const GLIMMER_USAGE: &str = "In this environment you have access to a set of tools you \
can use to answer the user's question.\n\nYou can invoke a function by writing a \
\"<atem:function_calls>\" block like the following:\n<atem:function_calls>\n\
<atem:invoke name=\"$FUNCTION_NAME\">\n\
<atem:parameter name=\"$PARAMETER_NAME\">$PARAMETER_VALUE</atem:parameter>\n...\n</atem:invoke>\n\
</atem:function_calls>\n\nString and scalar parameters should be specified as is, while lists and \
objects should use JSON format. Note that spaces for string values are not stripped. The output \
is not expected to be valid XML and is parsed with regular expressions.\nHere are the functions \
available in JSONSchema format:\n";

/// Glimmer: an example of a call, after the list.
pub(super) const GLIMMER_EXAMPLE: &str = "\nHere's an example of how to call a function in the \
tool set:\n(If the tool namespace is not specified, invoke the function directly as \
`example_function_name` rather than `example_tool_name.example_function_name`)\n\n\
to=example_tool_name.example_function_name\n\n<atem:function_calls>\n\
<atem:invoke name=\"example_tool_name.example_function_name\">\n\
<atem:parameter name=\"example_parameter_1\">value_1</atem:parameter>\n\
<atem:parameter name=\"example_parameter_2\">This is the value for the second parameter\n\
that can span\n\"multiple\" lines\n</atem:parameter>\n</atem:invoke>\n</atem:function_calls>\n\n";
