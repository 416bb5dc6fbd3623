// Takes the pictures of the documents anew: pictures.js PROGRAM. For a machine
// that does nothing else, since they show times.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { launch } from "./chromium.js";
import { startServer } from "./running_server.js";

const program = process.argv[2];
const images = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pictures-"));

const pictures = [
  {
    name: "sweep.png",
    size: { width: 1240, height: 960 },
    command: (file) => ["sweep", "--most-prompts", "8", "-n", "64",
      "--windows", "auto,2,4,6,8", "--drafters", "model,suffix+model",
      "--html", file],
  },
  {
    name: "trace.png",
    size: { width: 1120, height: 780 },
    command: (file) => ["trace", "-p", "Once upon a time", "-n", "120",
      "-k", "4", "--temperature", "0.7", "-o", file],
    // The first pass of the middle of the text with a rejected token.
    prepare: (page) => page.hover("a.pass span.r >> nth=1"),
  },
];

// The address of a report that the program writes now.
function written({ name, command }) {
  const file = join(folder, `${name}.html`);
  execFileSync(program, command(file), { stdio: ["ignore", "ignore", "inherit"] });
  return pathToFileURL(file).href;
}

const server = await startServer(program);
pictures.push({
  name: "serve.png",
  size: { width: 1240, height: 860 },
  address: server.address,
  ready: ".state.ready",
  prepare: async (page) => {
    await page.locator("input[name=mode][value=race]").check();
    await page.locator("#prompt").fill("Once upon a time");
    await page.locator("#send").click();
    await page.waitForSelector(".verdict");
  },
});

const browser = await launch();
try {
  for (const picture of pictures) {
    const { name, size, prepare, ready = "footer" } = picture;
    const page = await browser.newPage({ viewport: size, colorScheme: "light" });
    await page.goto(picture.address ?? written(picture));
    await page.waitForSelector(ready);
    if (prepare) await prepare(page);
    await page.screenshot({ path: join(images, name) });
    await page.close();
  }
} finally {
  await server.stop();
  await browser.close();
  rmSync(folder, { recursive: true });
}
