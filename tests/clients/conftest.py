import pytest

from server import Server

# Questions whose answer the bundled model is sure of, token by token.
SKY = "Why is the sky blue?"
OPPOSITE = "What is the opposite of hot?"
CAPITAL = "What is the capital of France?"
WEATHER = "What is the weather in Paris?"

WEATHER_PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The city"}},
    "required": ["city"],
}


@pytest.fixture(scope="session")
def server():
    with Server() as running:
        yield running
