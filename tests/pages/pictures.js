// Takes the pictures of the documents anew: pictures.js PROGRAM. For a machine
// that does nothing else, since they show times.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

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

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
try {
  for (const { name, size, command, prepare } of pictures) {
    const file = join(folder, `${name}.html`);
    execFileSync(program, command(file), { stdio: ["ignore", "ignore", "inherit"] });
    const page = await browser.newPage({ viewport: size, colorScheme: "light" });
    await page.goto(pathToFileURL(file).href);
    await page.waitForSelector("footer");
    if (prepare) await prepare(page);
    await page.screenshot({ path: join(images, name) });
    await page.close();
  }
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}
