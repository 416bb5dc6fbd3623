// The program that is tested: one server for most tests, and one that wants a
// key.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pilotfish-clients-"));
const children = [];
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

export const model = "stories";
export const key = "sk-swordfish";
export const places = 4;
// The addresses, without a path.
export let url;
export let lockedUrl;

export async function startServers(program) {
  const keys = join(folder, "keys");
  writeFileSync(keys, `${key}\n`);
  url = await serve(program, ["-m", join(root, "models/pilotfish-stories"),
    "-d", join(root, "models/pilotfish-stories-draft"),
    "--drafter", "prediction,suffix,model"]);
  lockedUrl = await serve(program, [
    "-m", join(root, "models/pilotfish-stories-draft"), "--api-key-file", keys]);
}

async function serve(program, more) {
  const child = spawn(program, ["serve", "--port", "0", "-t", "1", "--alias",
    model, "--parallel", `${places}`, "--template", join(here, "chat.jinja"),
    "--log-format", "none", ...more], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [line] = await once(createInterface(child.stdout), "line");
  const address = line.match(/^listening on (http:.*)$/)[1];
  await until(async () => (await fetch(`${address}/health`)).ok);
  return address;
}

export async function stopServers() {
  for (const child of children) {
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
  }
}

// Resolves once the condition holds; a test that waits in vain times out.
export async function until(condition) {
  while (!(await condition())) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// Until no place is taken.
export async function untilIdle() {
  await until(async () => {
    const slots = await (await fetch(`${url}/slots`)).json();
    assert.equal(slots.length, places);
    return slots.every((slot) => !slot.is_processing);
  });
}

// How many texts have been cut off so far.
export async function cutOff() {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.match(
    /^vllm:request_success_total\{.*finished_reason="abort".*\} (\d+)$/m);
  return line ? Number(line[1]) : 0;
}
