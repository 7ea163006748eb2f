-- Load for wrk. LOAD names the kind, IDS a file with one id a line, FIRST how many of them to skip.
--   one      GET that very URL
--   orders   GET each order once; `exhausted` in the result tells that there were too few
--   create   POST an order of 1 for the next item, over and over
--   basket   POST an order of 1 for each of three items, a third of the items apart, over and over
-- TOKEN, where it is set, goes with each request.
-- The result is one line of JSON; times are in milliseconds.

local kind = os.getenv("LOAD")
local token = os.getenv("TOKEN")
if token ~= "" then
  wrk.headers["Authorization"] = "Bearer " .. token
end
local threads = {}
local requests_made = {}
local turn = 0

function setup(thread)
  table.insert(threads, thread)
end

local function post(body)
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = wrk.headers["Authorization"] }
  return wrk.format("POST", "/api/orders/create", headers, body)
end

local function line(id)
  return '{"itemId":"' .. id .. '","quantity":1}'
end

local function request_for(ids, number)
  local id = ids[number]
  if kind == "orders" then
    return wrk.format("GET", "/api/orders/" .. id)
  elseif kind == "create" then
    return post(line(id))
  end
  -- Side by side, each order would want items of those right before and after it.
  local apart = math.floor(#ids / 3)
  local second = ids[(number + apart - 1) % #ids + 1]
  local third = ids[(number + 2 * apart - 1) % #ids + 1]
  return post('{"items":[' .. line(id) .. "," .. line(second) .. "," .. line(third) .. "]}")
end

if kind ~= "one" then
  function init()
    local ids, first = {}, tonumber(os.getenv("FIRST"))
    for id in io.lines(os.getenv("IDS")) do
      table.insert(ids, id)
    end
    for number = first + 1, #ids do
      table.insert(requests_made, request_for(ids, number))
    end
    exhausted = 0
  end

  function request()
    turn = turn + 1
    if turn > #requests_made then
      turn = 1
      exhausted = exhausted + (kind == "orders" and 1 or 0)
    end
    return requests_made[turn]
  end
end

if kind == "create" or kind == "basket" then
  answered = {}

  function response(status)
    local name = tostring(status)
    answered[name] = (answered[name] or 0) + 1
  end
end

local function as_json(counts)
  local parts = {}
  for name, number in pairs(counts) do
    table.insert(parts, string.format('"%s":%d', name, number))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50":%.3f,"p95":%.3f,"p99":%.3f,"exhausted":%d,"answered":%s,"errors":%s}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
    threads[1]:get("exhausted") or 0, as_json(threads[1]:get("answered") or {}),
    as_json({ status = errors.status, connect = errors.connect, read = errors.read,
              write = errors.write, timeout = errors.timeout })
  ))
end
