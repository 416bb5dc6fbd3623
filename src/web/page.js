// Draws the page from its data.
const data = JSON.parse(document.getElementById("data").textContent);
const reports = { sweep: sweepReport, trace: traceReport };
showReport(reports[data.kind](data), data);
