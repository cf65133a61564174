// One case of cases.json through a provider's own SDK against the imitation; prints what came out, in the form
// that the client of ours prints: {text, reasoning, tools: [{name, args}], finish, input, output}.
// usage: node ask.mjs FORMAT BASE_URL STREAM(0|1) < case.json
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { GoogleGenAI } from "@google/genai";
import { readFileSync } from "node:fs";

const [format, base, streaming] = process.argv.slice(2);
const stream = streaming === "1";
const asked = JSON.parse(readFileSync(0, "utf8"));
const apiKey = "test-key-0123456789";
const tools = asked.tools ?? [];

// The conversation of a case: user text, then rounds of calls and their results.
async function anthropic() {
  const client = new Anthropic({ apiKey, baseURL: base, maxRetries: 0 });
  const messages = [{ role: "user", content: asked.user }];
  for (const round of asked.rounds ?? []) {
    messages.push({ role: "assistant", content: round.calls.map((c) => ({ type: "tool_use", id: c.id, name: c.name, input: c.args })) });
    messages.push({ role: "user", content: round.calls.map((c) => ({ type: "tool_result", tool_use_id: c.id, content: c.result })) });
  }
  const body = { model: asked.models.anthropic, max_tokens: asked.max_tokens, messages };
  if (asked.system) body.system = [{ type: "text", text: asked.system }];
  if (tools.length) {
    body.tools = tools.map((t) => ({ name: t.name, description: t.description, input_schema: t.parameters }));
    body.tool_choice = { type: "auto" };
  }
  if (asked.temperature !== undefined) body.temperature = asked.temperature;
  const answer = stream ? await client.messages.stream(body).finalMessage() : await client.messages.create(body);
  const of = (type) => answer.content.filter((b) => b.type === type);
  return {
    text: of("text").map((b) => b.text).join(""), reasoning: of("thinking").map((b) => b.thinking).join(""),
    tools: of("tool_use").map((b) => ({ name: b.name, args: b.input })),
    finish: { end_turn: "stop", tool_use: "tool_calls", max_tokens: "length" }[answer.stop_reason],
    input: answer.usage.input_tokens, output: answer.usage.output_tokens,
  };
}

async function openai() {
  const client = new OpenAI({ apiKey, baseURL: base + "/v1", maxRetries: 0 });
  const input = [{ type: "message", role: "user", content: [{ type: "input_text", text: asked.user }] }];
  for (const round of asked.rounds ?? []) {
    for (const c of round.calls) input.push({ type: "function_call", call_id: c.id, name: c.name, arguments: JSON.stringify(c.args) });
    for (const c of round.calls) input.push({ type: "function_call_output", call_id: c.id, output: c.result });
  }
  const body = { model: asked.models.openai, input, max_output_tokens: asked.max_tokens, store: false, include: ["reasoning.encrypted_content"] };
  if (asked.system) body.instructions = asked.system;
  if (tools.length) {
    body.tools = tools.map((t) => ({ type: "function", name: t.name, description: t.description, parameters: t.parameters, strict: false }));
    body.tool_choice = "auto";
  }
  if (asked.temperature !== undefined) body.temperature = asked.temperature;
  const answer = stream ? await client.responses.stream(body).finalResponse() : await client.responses.create(body);
  const calls = answer.output.filter((i) => i.type === "function_call");
  return {
    text: answer.output_text,
    reasoning: answer.output.filter((i) => i.type === "reasoning").flatMap((i) => i.summary).map((s) => s.text).join(""),
    tools: calls.map((i) => ({ name: i.name, args: JSON.parse(i.arguments) })),
    finish: answer.status === "incomplete" ? "length" : calls.length ? "tool_calls" : "stop",
    input: answer.usage.input_tokens, output: answer.usage.output_tokens,
  };
}

async function chat() {
  const client = new OpenAI({ apiKey, baseURL: base + "/v1", maxRetries: 0 });
  const messages = asked.system ? [{ role: "system", content: asked.system }] : [];
  messages.push({ role: "user", content: asked.user });
  for (const round of asked.rounds ?? []) {
    messages.push({ role: "assistant", content: null, tool_calls: round.calls.map((c) => ({ id: c.id, type: "function", function: { name: c.name, arguments: JSON.stringify(c.args) } })) });
    for (const c of round.calls) messages.push({ role: "tool", tool_call_id: c.id, content: c.result });
  }
  const body = { model: asked.models.chat, messages, max_tokens: asked.max_tokens };
  if (tools.length) {
    body.tools = tools.map((t) => ({ type: "function", function: t }));
    body.tool_choice = "auto";
  }
  if (asked.temperature !== undefined) body.temperature = asked.temperature;
  const answer = stream
    ? await client.chat.completions.stream({ ...body, stream_options: { include_usage: true } }).finalChatCompletion()
    : await client.chat.completions.create(body);
  const { message, finish_reason } = answer.choices[0];
  return {
    text: message.content ?? "", reasoning: null,  // The SDK joins no reasoning_content, which is not OpenAI's.
    tools: (message.tool_calls ?? []).map((c) => ({ name: c.function.name, args: JSON.parse(c.function.arguments) })),
    finish: finish_reason, input: answer.usage.prompt_tokens, output: answer.usage.completion_tokens,
  };
}

async function gemini() {
  const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: base } });
  const contents = [{ role: "user", parts: [{ text: asked.user }] }];
  for (const round of asked.rounds ?? []) {
    contents.push({ role: "model", parts: round.calls.map((c) => ({ functionCall: { name: c.name, args: c.args } })) });
    contents.push({ role: "user", parts: round.calls.map((c) => ({ functionResponse: { name: c.name, response: { result: c.result } } })) });
  }
  const config = { maxOutputTokens: asked.max_tokens };
  if (asked.system) config.systemInstruction = { parts: [{ text: asked.system }] };
  if (tools.length) {
    config.tools = [{ functionDeclarations: tools.map(({ name, description, parameters }) => ({ name, description, parameters: reduced(parameters) })) }];
    config.toolConfig = { functionCallingConfig: { mode: "AUTO" } };
  }
  if (asked.temperature !== undefined) config.temperature = asked.temperature;
  const request = { model: asked.models.gemini, contents, config };
  const chunks = [];
  if (stream) for await (const chunk of await client.models.generateContentStream(request)) chunks.push(chunk);
  else chunks.push(await client.models.generateContent(request));
  const parts = chunks.flatMap((c) => c.candidates?.[0]?.content?.parts ?? []);
  const calls = parts.filter((p) => p.functionCall);
  const last = chunks.at(-1);
  return {
    text: parts.filter((p) => p.text && !p.thought).map((p) => p.text).join(""),
    reasoning: parts.filter((p) => p.text && p.thought).map((p) => p.text).join(""),
    tools: calls.map((p) => ({ name: p.functionCall.name, args: p.functionCall.args })),
    finish: calls.length ? "tool_calls" : { STOP: "stop", MAX_TOKENS: "length" }[last.candidates[0].finishReason],
    input: last.usageMetadata.promptTokenCount, output: last.usageMetadata.candidatesTokenCount,
  };
}

// A person who writes for this SDK leaves out what Google's schemas do not have.
function reduced({ additionalProperties, ...schema }) {
  return schema;
}

const answer = await { anthropic, openai, chat, gemini }[format]();
console.log(JSON.stringify(answer));
