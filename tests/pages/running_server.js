// `pilotfish serve`, on a port that the system picks.
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const models = path.join(root, "models");

// {address, stop}: once it listens. `stop` settles with its exit status.
export async function startServer(program, more = []) {
  const server = spawn(program, ["serve", "--port", "0",
    "-m", path.join(models, "pilotfish-stories"),
    "-d", path.join(models, "pilotfish-stories-draft"),
    "--log-format", "none", ...more],
  { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  for await (const line of createInterface({ input: server.stdout })) {
    const [, address] = line.match(/^open (\S+) /) ?? [];
    if (!address) continue;
    server.stdout.resume();
    const stop = () => (server.kill("SIGTERM"), ended);
    return { address, stop };
  }
  throw new Error(`serve ended with status ${await ended}`);
}
