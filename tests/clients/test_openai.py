"""The Python package `openai`."""

import base64
import json
import struct

import openai
import pytest
from conftest import OPPOSITE, SKY, WEATHER, WEATHER_PARAMETERS

WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather for a city",
        "parameters": WEATHER_PARAMETERS,
    },
}
FORECAST_TOOL = {
    "type": "function",
    "function": {**WEATHER_TOOL["function"], "name": "get_forecast", "description": "The forecast"},
}


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0)


def ask(text):
    return [{"role": "user", "content": text}]


def chat(client, text, **options):
    options = {"temperature": 0, **options}
    return client.chat.completions.create(model="tiny", messages=ask(text), **options)


def test_a_chat_whole_and_streamed(client):
    whole = chat(client, SKY)
    (choice,) = whole.choices
    assert "scatter" in choice.message.content and choice.finish_reason == "stop"
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    chunks = list(chat(client, SKY, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == choice.message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert not chunks[-1].choices
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_second_question_reports_what_was_cached(client):
    chat(client, SKY)
    assert chat(client, SKY).usage.prompt_tokens_details.cached_tokens > 0


def test_limits_and_stops(client):
    assert chat(client, SKY, max_tokens=3).choices[0].finish_reason == "length"
    assert chat(client, SKY, max_completion_tokens=3).usage.completion_tokens == 3
    text = chat(client, SKY, stop=["scatter"]).choices[0].message.content
    assert text and "scatter" not in text


def test_n_choices_differ_where_sampling_may(client):
    answer = chat(client, "Tell me a story.", n=3, temperature=1.5, seed=1, max_tokens=12)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1


def test_log_probabilities(client):
    answer = chat(client, OPPOSITE, logprobs=True, top_logprobs=3, max_tokens=1)
    (entry,) = answer.choices[0].logprobs.content
    assert entry.logprob <= 0 and len(entry.top_logprobs) == 3
    assert entry.top_logprobs[0].token == entry.token


def test_logit_bias_forces_a_token(client):
    texts = set()
    for token in ("400", "500"):
        answer = chat(client, OPPOSITE, logit_bias={token: 100}, logprobs=True, max_tokens=3)
        (piece,) = {entry.token for entry in answer.choices[0].logprobs.content}
        texts.add(piece)
    assert len(texts) == 2


def test_json_mode_and_schemas(client):
    text = "Anna is 31 years old. Extract name and age as JSON."
    answer = chat(client, text, response_format={"type": "json_object"}, max_tokens=60)
    assert isinstance(json.loads(answer.choices[0].message.content), dict)
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}}
    answer = chat(client, text, response_format=wanted)
    assert set(json.loads(answer.choices[0].message.content)) == {"name", "age"}


def test_a_tool_round_trip(client):
    messages = ask(WEATHER)
    options = {"model": "tiny", "temperature": 0, "tools": [WEATHER_TOOL]}
    answer = client.chat.completions.create(messages=messages, **options)
    (call,) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_current_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [
        answer.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": '{"temperature": 21}'},
    ]
    answer = client.chat.completions.create(messages=messages, **options)
    assert "21" in answer.choices[0].message.content


def test_streamed_tool_calls_have_an_index(client):
    chunks = list(chat(client, WEATHER, tools=[WEATHER_TOOL], stream=True))
    calls = [c for chunk in chunks for c in (chunk.choices[0].delta.tool_calls or [] if chunk.choices else [])]
    assert {call.index for call in calls} == {0}
    assert json.loads("".join(call.function.arguments or "" for call in calls)) == {"city": "Paris"}


def test_tool_choice_is_honoured(client):
    tools = [WEATHER_TOOL, FORECAST_TOOL]
    named = {"type": "function", "function": {"name": "get_forecast"}}
    answer = chat(client, WEATHER, tools=tools, tool_choice=named)
    assert answer.choices[0].message.tool_calls[0].function.name == "get_forecast"
    answer = chat(client, SKY, tools=tools, tool_choice="required")
    assert answer.choices[0].message.tool_calls
    answer = chat(client, WEATHER, tools=tools, tool_choice="none", max_tokens=40)
    assert not answer.choices[0].message.tool_calls


def test_completions_echo_batches_and_token_arrays(client):
    create = lambda **options: client.completions.create(model="tiny", temperature=0, max_tokens=5, **options)
    answer = create(prompt=[SKY, OPPOSITE])
    assert [choice.index for choice in answer.choices] == [0, 1]
    echoed = create(prompt="Once upon", echo=True).choices[0].text
    assert echoed.startswith("Once upon")
    assert create(prompt=[10, 20, 30]).usage.prompt_tokens >= 3
    filled = create(prompt="def add(a, b):\n", suffix="\n")
    assert filled.choices[0].text is not None
    chunks = list(create(prompt=SKY, stream=True))
    assert chunks[-1].choices[0].finish_reason == "length"


def test_an_echoed_prompt_has_the_probabilities_of_its_tokens(client):
    create = lambda **options: client.completions.create(model="tiny", temperature=0, echo=True, logprobs=2, **options)
    scored = create(prompt="Once upon a time", max_tokens=0).choices[0]
    lists = scored.logprobs
    assert scored.text == "".join(lists.tokens) == "Once upon a time"
    assert lists.token_logprobs[0] is None and lists.top_logprobs[0] is None
    assert all(logprob < 0 for logprob in lists.token_logprobs[1:])
    assert all(len(top) == 2 for top in lists.top_logprobs[1:])
    assert all(scored.text[at:].startswith(token) for at, token in zip(lists.text_offset, lists.tokens))
    continued = create(prompt="Once upon a time", max_tokens=3).choices[0]
    assert continued.logprobs.tokens[: len(lists.tokens)] == lists.tokens
    assert len(continued.logprobs.tokens) == len(lists.tokens) + 3
    chunks = list(create(prompt="Once upon a time", max_tokens=3, stream=True))
    told = [chunk.choices[0].logprobs for chunk in chunks if chunk.choices[0].logprobs]
    assert [token for part in told for token in part.tokens] == continued.logprobs.tokens
    assert [at for part in told for at in part.text_offset] == continued.logprobs.text_offset


def test_embeddings_as_floats_and_base64(client):
    floats = client.embeddings.create(model="tiny", input=["hello", "a cat"], encoding_format="float")
    assert [item.index for item in floats.data] == [0, 1]
    raw = client.embeddings.with_raw_response.create(model="tiny", input="hello", encoding_format="base64")
    data = base64.b64decode(json.loads(raw.content)["data"][0]["embedding"])
    decoded = struct.unpack(f"<{len(data) // 4}f", data)
    assert max(abs(a - b) for a, b in zip(decoded, floats.data[0].embedding)) < 1e-6
    assert len(client.embeddings.create(model="tiny", input="hello", dimensions=16).data[0].embedding) == 16


def test_models_are_listed(client):
    assert [model.id for model in client.models.list()] == ["tiny:latest"]
    assert client.models.retrieve("tiny").object == "model"


def test_responses_whole_and_streamed(client):
    whole = client.responses.create(model="tiny", input=SKY, temperature=0)
    assert "scatter" in whole.output_text and whole.status == "completed"
    events = list(client.responses.create(model="tiny", input=SKY, temperature=0, stream=True))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == whole.output_text
    assert events[0].type == "response.created" and events[-1].type == "response.completed"


def test_responses_call_tools(client):
    tool = {"type": "function", **WEATHER_TOOL["function"], "strict": False}
    answer = client.responses.create(model="tiny", input=WEATHER, tools=[tool], temperature=0)
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert call.name == "get_current_weather" and json.loads(call.arguments) == {"city": "Paris"}


def test_completions_obey_a_grammar(client):
    wanted = {"response_format": {"type": "choice", "choices": ["quince", "zebra"]}}
    answer = client.completions.create(model="tiny", prompt=SKY, extra_body=wanted)
    assert answer.choices[0].text in ("quince", "zebra")


def test_errors_are_the_clients_own(client):
    with pytest.raises(openai.NotFoundError) as error:
        client.chat.completions.create(model="nonesuch", messages=ask(SKY))
    assert "nonesuch" in str(error.value)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="tiny", messages=[])
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nonesuch")


def test_hanging_up_frees_the_server(client):
    stream = chat(client, "Tell me a story.", stream=True)
    next(iter(stream))
    stream.close()
    assert chat(client, OPPOSITE).choices[0].message.content
