// Asks Comunica. The arguments are its sources: addresses of SPARQL endpoints, and N-Triples or Turtle files that it
// holds itself; `sparql@ADDRESS` keeps it from looking what stands at an address. Each line of standard input is a
// SELECT query as a JSON string; each line of standard output its solutions as SPARQL JSON, or an object with the
// member "error".
const { readFileSync } = require('node:fs');
const { createInterface } = require('node:readline');
const { QueryEngine } = require('@comunica/query-sparql');
const { Parser, Store } = require('n3');

function source(member) {
  if (member.startsWith('sparql@')) return { type: 'sparql', value: member.slice('sparql@'.length) };
  return member.startsWith('http') ? member : new Store(new Parser().parse(readFileSync(member, 'utf-8')));
}

async function answer(engine, query, sources) {
  const result = await engine.query(query, { sources });
  const { data } = await engine.resultToString(result, 'application/sparql-results+json');
  let text = '';
  for await (const chunk of data) text += chunk;
  return JSON.parse(text);
}

async function main(members) {
  const engine = new QueryEngine();
  const sources = members.map(source);
  for await (const line of createInterface({ input: process.stdin })) {
    const answered = await answer(engine, JSON.parse(line), sources).catch((error) => ({ error: String(error) }));
    process.stdout.write(`${JSON.stringify(answered)}\n`);
  }
}

main(process.argv.slice(2));
