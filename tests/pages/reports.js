// Reports of the program under test, written with the models that ship.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = path.resolve(process.argv[2]);
const folder = mkdtempSync(path.join(tmpdir(), "pilotfish-pages-"));
process.on("exit", () => rmSync(folder, { recursive: true }));

const models = [
  "-m", path.join(root, "models/pilotfish-stories"),
  "-d", path.join(root, "models/pilotfish-stories-draft"),
];

const dataElement =
  /(<script type="application\/json" id="data">)(.*?)(?=<\/script>)/s;

// {file, data, printed}: the page, the data in it, and what --json printed.
function report(name, command, outputFlag, more) {
  const file = path.join(folder, `${name}.html`);
  const { status, stdout, stderr } = spawnSync(program,
    [command, ...models, outputFlag, file, "--json", ...more],
    { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  const data = JSON.parse(readFileSync(file, "utf8").match(dataElement)[2]);
  return { file, data, printed: JSON.parse(stdout) };
}

export const traceReport = (name, more) => report(name, "trace", "-o", more);
export const sweepReport = (name, more) =>
  report(name, "sweep", "--html", more);

// The page of a report with other data in it.
export function withData({ file }, name, data) {
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  const changed = path.join(folder, `${name}.html`);
  writeFileSync(changed, readFileSync(file, "utf8")
    .replace(dataElement, (_, tag) => tag + json));
  return { file: changed, data };
}
