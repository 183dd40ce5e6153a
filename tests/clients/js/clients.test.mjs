// The npm packages `ollama` and `openai`.

import assert from "node:assert/strict";
import test from "node:test";
import { Ollama } from "ollama";
import OpenAI from "openai";

const host = process.env.OLLAMA_HOST;
const ollama = new Ollama({ host });
const openai = new OpenAI({ baseURL: `${host}/v1`, apiKey: "unused", maxRetries: 0 });

const options = { temperature: 0 };
const sky = [{ role: "user", content: "Why is the sky blue?" }];
const weather = [{ role: "user", content: "What is the weather in Paris?" }];
const tool = {
  type: "function",
  function: {
    name: "get_current_weather",
    description: "Get the current weather for a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string", description: "The city" } },
      required: ["city"],
    },
  },
};
const schema = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
  additionalProperties: false,
};
const extract = [{ role: "user", content: "Anna is 31 years old. Extract name and age as JSON." }];

test("ollama: a chat whole and streamed", async () => {
  const whole = await ollama.chat({ model: "tiny", messages: sky, options });
  let text = "";
  for await (const part of await ollama.chat({ model: "tiny", messages: sky, options, stream: true })) {
    text += part.message.content;
  }
  assert.match(whole.message.content, /scatter/);
  assert.equal(text, whole.message.content);
});

test("ollama: a tool round trip", async () => {
  const answer = await ollama.chat({ model: "tiny", messages: weather, tools: [tool], options });
  const [call] = answer.message.tool_calls;
  assert.deepEqual(call.function.arguments, { city: "Paris" });
  const result = { role: "tool", tool_name: call.function.name, content: '{"temperature": 21}' };
  const messages = [...weather, answer.message, result];
  const second = await ollama.chat({ model: "tiny", messages, tools: [tool], options });
  assert.match(second.message.content, /21/);
});

test("ollama: a schema, embeddings, models", async () => {
  const answer = await ollama.chat({ model: "tiny", messages: extract, format: schema, options });
  assert.deepEqual(Object.keys(JSON.parse(answer.message.content)).sort(), ["age", "name"]);
  const { embeddings } = await ollama.embed({ model: "tiny", input: ["hello", "a cat"] });
  assert.equal(embeddings.length, 2);
  await ollama.create({ model: "js-copy", from: "tiny", system: "You are kind." });
  assert.match((await ollama.show({ model: "js-copy" })).modelfile, /You are kind\./);
  await ollama.delete({ model: "js-copy" });
  assert.deepEqual((await ollama.list()).models.map((model) => model.name), ["tiny:latest"]);
});

test("ollama: errors and hanging up", async () => {
  await assert.rejects(ollama.chat({ model: "nonesuch", messages: sky }), { status_code: 404 });
  const stream = await ollama.generate({ model: "tiny", prompt: "Tell me a story.", stream: true });
  await assert.rejects(async () => {
    for await (const part of stream) stream.abort();
  }, { name: "AbortError" });
});

test("openai: a chat whole and streamed", async () => {
  const request = { model: "tiny", messages: sky, temperature: 0 };
  const whole = await openai.chat.completions.create(request);
  let text = "";
  for await (const chunk of await openai.chat.completions.create({ ...request, stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  assert.match(text, /scatter/);
  assert.equal(text, whole.choices[0].message.content);
});

test("openai: a tool round trip", async () => {
  const request = { model: "tiny", temperature: 0, tools: [tool] };
  const answer = await openai.chat.completions.create({ ...request, messages: weather });
  const { message } = answer.choices[0];
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: "Paris" });
  const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: '{"temperature": 21}' };
  const second = await openai.chat.completions.create({ ...request, messages: [...weather, message, result] });
  assert.match(second.choices[0].message.content, /21/);
});

test("openai: a schema, embeddings, models, responses", async () => {
  const response_format = { type: "json_schema", json_schema: { name: "person", schema, strict: true } };
  const answer = await openai.chat.completions.create({ model: "tiny", messages: extract, temperature: 0, response_format });
  assert.deepEqual(Object.keys(JSON.parse(answer.choices[0].message.content)).sort(), ["age", "name"]);
  const { data } = await openai.embeddings.create({ model: "tiny", input: ["hello", "a cat"] });
  assert.equal(data.length, 2);
  assert.equal((await openai.models.retrieve("tiny")).object, "model");
  const response = await openai.responses.create({ model: "tiny", input: sky[0].content, temperature: 0 });
  assert.match(response.output_text, /scatter/);
});

test("openai: errors and hanging up", async () => {
  const missing = openai.chat.completions.create({ model: "nonesuch", messages: sky });
  await assert.rejects(missing, (error) => error instanceof OpenAI.NotFoundError);
  const stream = await openai.chat.completions.create({ model: "tiny", messages: sky, stream: true });
  for await (const chunk of stream) stream.controller.abort();
});
