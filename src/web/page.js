// Draws the page from its data.

import { showReport } from "./frame.js";
import { sweepReport } from "./sweep.js";
import { traceReport } from "./trace.js";

const data = JSON.parse(document.getElementById("data").textContent);
const reports = { sweep: sweepReport, trace: traceReport };
showReport(reports[data.kind](data), data);
