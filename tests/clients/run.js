// node run.js PROGRAM: `pilotfish serve` as clients of other servers use it, each
// of them unchanged.
import process from "node:process";
import { test } from "node:test";
import { startServers, stopServers } from "./servers.js";
import { compareWithDescription } from "./samples.js";

if (process.argv.length !== 3) {
  console.error("usage: node run.js PROGRAM");
  process.exit(2);
}

// The others wait for this one, so that what stops the servers after the last
// test knows them all.
let allAreRead;
const read = new Promise((resolve) => {
  allAreRead = resolve;
});
test("the servers start", async () => {
  await startServers(process.argv[2]);
  await read;
});
try {
  for (const name of ["openai", "openai_scores", "openai_errors", "responses",
    "ollama", "anthropic", "ai_sdk", "langchain", "tools"]) {
    await import(`./${name}.test.js`);
  }
} catch (error) {
  console.error(error); // or the others would wait for ever
  process.exit(1);
}
test("every answer is as OpenAI describes it", compareWithDescription);
test("the servers end in order", stopServers);
allAreRead();
