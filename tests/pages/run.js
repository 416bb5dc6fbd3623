// node run.js PROGRAM: the reports that the program writes, and the page of the
// server, in a browser.
import process from "node:process";
import { test } from "node:test";

if (process.argv.length !== 3) {
  console.error("usage: node run.js PROGRAM");
  process.exit(2);
}

// The others wait for this one, so that what ends the browser after the last
// test knows them all.
let allAreRead;
const read = new Promise((resolve) => {
  allAreRead = resolve;
});
test("the tests are read", () => read);
try {
  for (const name of ["words", "stream", "server_page", "server_chat",
    "server_race", "server_real", "sweep", "trace", "hostile"]) {
    await import(`./${name}.test.js`);
  }
} catch (error) {
  console.error(error); // or the others would wait for ever
  process.exit(1);
}
allAreRead();
