// Parses an AsyncAPI document and prints what is wrong with it as JSON: node parse.mjs FILE
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const [source] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(readFileSync(source, "utf8"), { source });
console.log(
  JSON.stringify({
    messages: document?.allMessages().all().map((message) => message.id()),
    problems: diagnostics.filter(({ severity }) => severity < 2).map(({ message, path }) => `${path}: ${message}`),
  }),
);
