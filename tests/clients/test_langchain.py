"""The Python package `langchain-ollama`."""

import pytest
from conftest import CAPITAL, SKY, WEATHER
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from pydantic import BaseModel


@tool
def get_current_weather(city: str) -> str:
    """Get the current weather for a city"""
    return '{"temperature": 21}'


@pytest.fixture(scope="module")
def chat(server):
    return ChatOllama(model="tiny", base_url=server.url, temperature=0)


def test_chat_and_stream(chat):
    whole = chat.invoke(SKY)
    assert "scatter" in whole.content
    assert "".join(chunk.content for chunk in chat.stream(SKY)) == whole.content
    assert whole.usage_metadata["output_tokens"] > 0


def test_a_tool_round_trip(chat):
    bound = chat.bind_tools([get_current_weather])
    messages = [HumanMessage(WEATHER)]
    answer = bound.invoke(messages)
    (call,) = answer.tool_calls
    assert call["args"] == {"city": "Paris"}
    messages += [answer, get_current_weather.invoke(call)]
    assert "21" in bound.invoke(messages).content


def test_structured_output(chat):
    class Person(BaseModel):
        name: str
        age: int

    model = chat.with_structured_output(Person, method="json_schema")
    person = model.invoke("Anna is 31 years old. Extract name and age as JSON.")
    assert isinstance(person, Person)


def test_completion_and_embeddings(server):
    assert OllamaLLM(model="tiny", base_url=server.url, temperature=0).invoke(CAPITAL)
    embeddings = OllamaEmbeddings(model="tiny", base_url=server.url)
    one, two = embeddings.embed_documents(["hello", "a cat"])
    assert len(one) == len(two) == len(embeddings.embed_query("hello"))
