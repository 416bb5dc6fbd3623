// The browser of the page tests and pictures.
import { existsSync } from "node:fs";
import process from "node:process";
import { chromium } from "playwright-core";

// The one without a window to draw takes half as long.
const installed = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? installed.find(existsSync),
  args: ["--no-sandbox"], // it has none for root
});
