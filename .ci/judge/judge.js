// Put statements to Learning Locker's xAPI validator: node judge.js FILE...
// A line of a file is a statement. Prints what is refused and fails if there is any, or if a file holds nothing to judge.
'use strict';

const fs = require('fs');
const validate = require('@learninglocker/xapi-validation').default;

// Not the readline module: it also ends lines at separators that a text may hold.
function statementsOf(file) {
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line));
}

// What the validator refuses though the standards allow it: a hyphen in a scheme (RFC 3986 3.1), as in the key of a
// course run, and combining marks in a host (RFC 3987 2.2), as in Indic domains.
function isAllowed(statement, { name, path }) {
  const place = path.join('.');
  return (
    name === 'TypeWarning' &&
    ((place === 'statement.object.id' && /^course-v1:/.test(statement.object.id)) ||
      (place === 'statement.actor.mbox' && /\p{M}/u.test(statement.actor.mbox)))
  );
}

function faultsOf(problems) {
  return problems.map(({ name, path }) => `${name} at ${path.join('.')}`).join('; ');
}

function judge(file) {
  const statements = statementsOf(file);
  const refused = statements.filter((statement) => {
    const problems = validate(statement).filter((problem) => !isAllowed(statement, problem));
    if (problems.length > 0) console.error(`${file}: ${faultsOf(problems)}\n  ${JSON.stringify(statement)}`);
    return problems.length > 0;
  });
  console.log(`${file}: ${statements.length} statements judged, ${refused.length} refused`);
  return statements.length > 0 && refused.length === 0;
}

const files = process.argv.slice(2);
const verdicts = files.map(judge);
process.exit(files.length > 0 && verdicts.every(Boolean) ? 0 : 1);
