"""The Python package `ollama`."""

import asyncio
import base64
import json
import struct

import ollama
import pytest
from conftest import CAPITAL, OPPOSITE, SKY, WEATHER, WEATHER_PARAMETERS

GREEDY = {"temperature": 0}
WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather for a city",
        "parameters": WEATHER_PARAMETERS,
    },
}


@pytest.fixture(scope="module")
def client(server):
    return ollama.Client(host=server.url)


def ask(text):
    return [{"role": "user", "content": text}]


def test_generate_whole_and_streamed_agree(client):
    whole = client.generate("tiny", SKY, options=GREEDY)
    parts = list(client.generate("tiny", SKY, options=GREEDY, stream=True))
    assert "".join(part.response for part in parts) == whole.response
    assert "scatter" in whole.response
    assert whole.done and whole.done_reason == "stop"
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert whole.prompt_eval_count > 0 and whole.total_duration >= whole.eval_duration


def test_a_context_continues_a_conversation(client):
    first = client.generate("tiny", "My name is Anna.", options=GREEDY)
    second = client.generate("tiny", "What is my name?", context=first.context, options=GREEDY)
    assert "Anna" in second.response


def test_fill_in_the_middle(client):
    answer = client.generate(
        "tiny", "def add(a, b):\n", suffix="\n", options={**GREEDY, "num_predict": 16}
    )
    assert "a + b" in answer.response


def test_a_chat_remembers_and_obeys_its_options(client):
    messages = ask("My name is Anna.")
    first = client.chat("tiny", messages, options=GREEDY)
    messages += [first.message, *ask("What is my name?")]
    assert "Anna" in client.chat("tiny", messages, options=GREEDY).message.content
    short = client.chat("tiny", ask(SKY), options={**GREEDY, "num_predict": 3})
    assert short.eval_count == 3 and short.done_reason == "length"
    stopped = client.chat("tiny", ask(SKY), options={**GREEDY, "stop": ["scatter"]})
    assert stopped.message.content and "scatter" not in stopped.message.content


def test_the_same_seed_gives_the_same_text(client):
    options = {"temperature": 1.5, "seed": 7, "num_predict": 20}
    texts = {client.generate("tiny", "Tell me a story.", options=options).response for _ in "123"}
    assert len(texts) == 1


def test_a_tool_is_called_and_its_result_used(client):
    messages = ask(WEATHER)
    answer = client.chat("tiny", messages, tools=[WEATHER_TOOL], options=GREEDY)
    (call,) = answer.message.tool_calls
    assert call.function.name == "get_current_weather"
    assert call.function.arguments == {"city": "Paris"}
    messages += [
        answer.message,
        {"role": "tool", "tool_name": call.function.name, "content": '{"temperature": 21}'},
    ]
    assert "21" in client.chat("tiny", messages, tools=[WEATHER_TOOL], options=GREEDY).message.content


def test_a_streamed_tool_call_arrives_whole(client):
    parts = list(
        client.chat("tiny", ask(WEATHER), tools=[WEATHER_TOOL], options=GREEDY, stream=True)
    )
    calls = [call for part in parts for call in part.message.tool_calls or []]
    assert [call.function.arguments for call in calls] == [{"city": "Paris"}]
    assert "".join(part.message.content or "" for part in parts).strip() == ""


def test_a_schema_is_obeyed(client):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "maximum": 150, "minimum": 0}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    answer = client.chat(
        "tiny", ask("Anna is 31 years old. Extract name and age as JSON."), format=schema, options=GREEDY
    )
    value = json.loads(answer.message.content)
    assert set(value) == {"name", "age"} and isinstance(value["age"], int)


def test_log_probabilities(client):
    answer = client.generate("tiny", OPPOSITE, options=GREEDY, logprobs=True, top_logprobs=2)
    assert len(answer.logprobs) >= answer.eval_count - 1
    assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 2 for entry in answer.logprobs)


def test_embeddings_are_unit_vectors_and_ordered(client):
    one = client.embed("tiny", "hello").embeddings[0]
    many = client.embed("tiny", ["hello", "a cat"]).embeddings
    assert max(abs(a - b) for a, b in zip(one, many[0])) < 1e-5
    assert abs(sum(x * x for x in one) - 1) < 1e-4
    short = client.embed("tiny", "hello", dimensions=16).embeddings[0]
    assert len(short) == 16 and abs(sum(x * x for x in short) - 1) < 1e-4
    assert len(client.embeddings("tiny", "hello").embedding) == len(one)


def test_models_are_managed(client):
    assert [model.model for model in client.list().models] == ["tiny:latest"]
    client.create("parrot", from_="tiny", system="You are a parrot.", parameters={"seed": 4})
    shown = client.show("parrot")
    assert "You are a parrot." in shown.modelfile and "seed" in shown.parameters
    assert shown.details.family == "llama" and "completion" in shown.capabilities
    client.copy("parrot", "polly")
    assert client.chat("polly", ask(CAPITAL), options=GREEDY).message.content
    assert any(model.model == "polly:latest" for model in client.ps().models)
    for name in ("parrot", "polly"):
        client.delete(name)
    assert [model.model for model in client.list().models] == ["tiny:latest"]


def test_a_model_is_made_from_a_file(client, tmp_path):
    # A header and nothing else: refused, saying why; the blob is kept for the next attempt.
    path = tmp_path / "empty.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    digest = client.create_blob(path)
    with pytest.raises(ollama.ResponseError):
        client.create("broken", files={"empty.gguf": digest})


def test_keep_alive_unloads(client):
    loaded = lambda: [model.model for model in client.ps().models]
    client.generate("tiny", CAPITAL, options={**GREEDY, "num_predict": 1}, keep_alive=300)
    assert "tiny:latest" in loaded()
    client.generate("tiny", keep_alive=0)
    assert "tiny:latest" not in loaded()


def test_errors_are_the_clients_own(client):
    with pytest.raises(ollama.ResponseError) as error:
        client.chat("nonesuch", ask(SKY))
    assert error.value.status_code == 404 and "nonesuch" in error.value.error
    with pytest.raises(ollama.ResponseError) as error:
        client.generate("tiny", SKY, options={"temperature": "hot"})
    assert error.value.status_code == 400
    with pytest.raises(ollama.ResponseError) as error:
        client.delete("nonesuch")
    assert error.value.status_code == 404
    with pytest.raises(ollama.ResponseError):
        client.chat("tiny", ask(SKY), format={"type": "nonsense"})


def test_images_are_refused_by_a_model_without_eyes(client):
    image = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()
    with pytest.raises(ollama.ResponseError) as error:
        client.chat("tiny", [{"role": "user", "content": "What is this?", "images": [image]}])
    assert error.value.status_code == 400


def test_many_at_once_and_some_hang_up(server):
    async def one(client, index):
        stream = await client.generate("tiny", SKY, options=GREEDY, stream=True)
        text = ""
        async for part in stream:
            text += part.response
            if index % 3 == 0:
                break
        return text

    async def all_of_them():
        client = ollama.AsyncClient(host=server.url)
        return await asyncio.gather(*(one(client, index) for index in range(12)))

    texts = asyncio.run(all_of_them())
    whole = {text for index, text in enumerate(texts) if index % 3}
    assert len(whole) == 1
