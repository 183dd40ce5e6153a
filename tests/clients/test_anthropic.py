"""The Python package `anthropic`."""

import json

import anthropic
import pytest
from conftest import CAPITAL, OPPOSITE, SKY, WEATHER, WEATHER_PARAMETERS

TOOL = {
    "name": "get_current_weather",
    "description": "Get the current weather for a city",
    "input_schema": WEATHER_PARAMETERS,
}

# The client has no parameter for it.
GREEDY = {"temperature": 0}


@pytest.fixture(scope="module")
def client(server):
    return anthropic.Anthropic(base_url=server.url, api_key="unused", max_retries=0)


def ask(text):
    return [{"role": "user", "content": text}]


def message(client, messages, **options):
    options = {"model": "tiny", "max_tokens": 200, "extra_body": GREEDY, **options}
    return client.messages.create(messages=messages, **options)


def test_a_message_whole_and_streamed(client):
    whole = message(client, ask(SKY))
    assert "scatter" in whole.content[0].text and whole.stop_reason == "end_turn"
    with client.messages.stream(
        model="tiny", max_tokens=200, extra_body=GREEDY, messages=ask(SKY)
    ) as stream:
        assert "".join(stream.text_stream) == whole.content[0].text
        final = stream.get_final_message()
    assert final.usage.output_tokens == whole.usage.output_tokens


def test_limits_stops_and_the_system(client):
    assert message(client, ask(SKY), max_tokens=3).stop_reason == "max_tokens"
    stopped = message(client, ask(SKY), stop_sequences=["scatter"])
    assert stopped.content[0].text and "scatter" not in stopped.content[0].text
    assert message(client, ask(OPPOSITE), system="Answer briefly.").content


def test_a_tool_round_trip(client):
    messages = ask(WEATHER)
    answer = message(client, messages, tools=[TOOL])
    (call,) = [block for block in answer.content if block.type == "tool_use"]
    assert answer.stop_reason == "tool_use" and call.input == {"city": "Paris"}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": '{"temperature": 21}'}
    messages += [
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": [result]},
    ]
    assert "21" in message(client, messages, tools=[TOOL]).content[0].text
    forced = message(client, ask(SKY), tools=[TOOL], tool_choice={"type": "any"})
    assert any(block.type == "tool_use" for block in forced.content)


def test_tokens_are_counted(client):
    counted = client.messages.count_tokens(model="tiny", messages=ask(SKY)).input_tokens
    usage = message(client, ask(SKY), max_tokens=1).usage
    assert counted == usage.input_tokens + (usage.cache_read_input_tokens or 0)


def test_errors_are_the_clients_own(client):
    with pytest.raises(anthropic.NotFoundError):
        message(client, ask(SKY), model="nonesuch")
    with pytest.raises(anthropic.BadRequestError):
        message(client, ask(SKY), max_tokens=0)


def test_an_answer_obeys_a_schema_and_a_grammar(client):
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    }
    wanted = {"format": {"type": "json_schema", "schema": schema}}
    answer = message(client, ask(CAPITAL), output_config=wanted)
    assert list(json.loads(answer.content[0].text)) == ["city"]
    wanted = {"format": {"type": "gbnf", "grammar": 'root ::= "quince" | "zebra"'}}
    answer = message(client, ask(CAPITAL), output_config=wanted)
    assert answer.content[0].text in ("quince", "zebra")
