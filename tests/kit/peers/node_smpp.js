// An SMSC on npm's `smpp`; what it says and hears is in __init__.py. Options: --tls FILE, a PEM with key and certificate.
'use strict';

const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const UCS2 = 8;
const LATIN1 = 3;

const bound = new Set();
const unfinished = new Map();
let throttle = 0;
let throttleStatus = smpp.ESME_RTHROTTLED;
let receipts = false;
let nextId = 1;

const say = (event, more) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n');
const stop = () => process.exit(0);

function bind(session, mode) {
  return (pdu) => {
    if (pdu.system_id !== 'shouwen' || pdu.password !== 'secret') {
      session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
      session.close();
      return;
    }
    session.send(pdu.response({ system_id: 'node-smpp' }));
    session.receives = mode !== 'transmitter';
    bound.add(session);
    say('bound', { system_id: pdu.system_id, mode });
  };
}

function concatenation(udh) {
  for (const element of udh || []) {
    if (element[0] === 0x00) return { reference: element[2], total: element[3], number: element[4] };
    if (element[0] === 0x08) return { reference: element.readUInt16BE(2), total: element[4], number: element[5] };
  }
  return { reference: 0, total: 1, number: 1 };
}

function keep(pdu, id) {
  const content = pdu.message_payload || pdu.short_message;
  const place = concatenation(content.udh);
  const key = [pdu.source_addr, pdu.destination_addr, place.reference, place.total].join();
  const parts = unfinished.get(key) || new Map();
  parts.set(place.number, { id, text: content.message.toString() });
  unfinished.set(key, parts);
  if (parts.size < place.total) return;
  unfinished.delete(key);
  const ordered = [...parts.keys()].sort((a, b) => a - b).map((number) => parts.get(number));
  say('mt', {
    from: pdu.source_addr, to: pdu.destination_addr, text: ordered.map((p) => p.text).join(''),
    parts: place.total, ids: ordered.map((p) => p.id),
  });
}

function submit(session, pdu) {
  if (throttle > 0) {
    throttle -= 1;
    session.send(pdu.response({ command_status: throttleStatus }));
    return;
  }
  const id = String(nextId++);
  session.send(pdu.response({ message_id: id }));
  keep(pdu, id);
  if (receipts && (pdu.registered_delivery & 3) === 1) sendReceipt(pdu, id);
}

function sendReceipt(pdu, id) {
  const said = `id:${id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:`;
  deliver('receipt_ack', id, {
    source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4, short_message: said,
    receipted_message_id: id, message_state: 2,
  });
}

function sendText(order) {
  const fields = {
    source_addr: order.from, source_addr_ton: 1, source_addr_npi: 1, destination_addr: order.to, short_message: order.text,
  };
  if (order.coding) fields.data_coding = order.coding === 'ucs2' ? UCS2 : LATIN1;
  if (order.octets) {
    fields.short_message = Buffer.from(order.octets, 'hex');
    fields.data_coding = order.data_coding;
    fields.esm_class = order.esm_class;
  }
  deliver('mo_ack', order.id, fields);
}

function deliver(event, id, fields) {
  const session = [...bound].find((candidate) => candidate.receives);
  if (!session) {
    say(event, { id, status: null });
    return;
  }
  session.deliver_sm(fields, (answer) => say(event, { id, status: answer.command_status }));
}

function serve(session) {
  for (const mode of ['transmitter', 'receiver', 'transceiver']) session.on(`bind_${mode}`, bind(session, mode));
  session.on('submit_sm', (pdu) => submit(session, pdu));
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('unknown', (pdu) => session.send(pdu.response()));
  session.on('error', () => session.destroy());
  session.on('close', () => { bound.delete(session); say('closed'); });
}

const commands = {
  mo: sendText,
  throttle: (order) => { throttle = order.n; throttleStatus = order.status || smpp.ESME_RTHROTTLED; },
  receipts: (order) => { receipts = order.on; },
  unbind: () => bound.forEach((session) => session.unbind(() => session.close())),
  cut: () => bound.forEach((session) => session.destroy()),
  stop,
};

const at = process.argv.indexOf('--tls');
const pem = at < 0 ? undefined : fs.readFileSync(process.argv[at + 1]);
const server = smpp.createServer(pem ? { key: pem, cert: pem } : {}, serve);
server.on('tlsClientError', () => {});
server.listen(0, '127.0.0.1', () => say('listening', { port: server.address().port }));
readline.createInterface({ input: process.stdin })
  .on('line', (line) => { const order = JSON.parse(line); commands[order.cmd](order); })
  .on('close', stop);
