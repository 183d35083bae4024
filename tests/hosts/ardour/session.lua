-- SPDX-License-Identifier: MIT
-- One stage of ardour.sh, each in a process of its own: ardour7-lua session.lua create|play|automate|reopen
-- What it works on is in the environment: DV_DIR DV_RATE DV_FRAMES DV_CHANNELS DV_URI DV_PRESET, and the controls
-- DV_SET="SYMBOL=VALUE ..." and DV_AUTOMATE="SYMBOL=FROM:TO".

local stage = arg[1]
local dir, uri, preset = os.getenv ("DV_DIR"), os.getenv ("DV_URI"), os.getenv ("DV_PRESET")
local rate, frames = tonumber (os.getenv ("DV_RATE")), tonumber (os.getenv ("DV_FRAMES"))
local channels = tonumber (os.getenv ("DV_CHANNELS"))
local automated_symbol, automate_from, automate_to = os.getenv ("DV_AUTOMATE"):match ("^([^=]+)=([^:]+):(.+)$")
local folder = dir .. "/session"
local failures = 0

local function say (...) print ("ardour:", stage .. ":", ...) end

local function check (good, what)
  if not good then failures = failures + 1 end
  say (good and "ok:  " or "FAIL:", what)
  return good
end

-- Ardour's Lua knows a port's index and label; the symbols come from lv2info, by way of ardour.sh.
local index_of = {}
for line in io.lines (dir .. "/ports") do
  local index, symbol = line:match ("^(%d+) (%S+)$")
  index_of[symbol] = tonumber (index)
end

local settings = {}
for symbol, value in os.getenv ("DV_SET"):gmatch ("([^=%s]+)=(%S+)") do
  settings[#settings + 1] = { symbol = symbol, value = tonumber (value) }
end

local function plugin_of (session)
  local processor = session:route_by_name ("voice"):nth_plugin (0)
  assert (not processor:isnil (), "no plugin on the track")
  return processor, processor:to_insert ():plugin (0)
end

-- Of all control inputs, by port index: their number among Ardour's parameters, and their value.
local function controls (processor, plugin)
  local found, nth = {}, 0
  while true do
    local index, ref = plugin:nth_parameter (nth, false)
    if not ref[2] then return found end
    if plugin:parameter_is_input (index) and plugin:parameter_is_control (index) then
      found[index] = { nth = nth, value = ARDOUR.LuaAPI.get_processor_param (processor, nth, true) }
    end
    nth = nth + 1
  end
end

local function control (processor, plugin, symbol)
  local index = assert (index_of[symbol], "no port " .. symbol)
  return assert (controls (processor, plugin)[index], symbol .. " is no control"), index
end

local function set (processor, plugin, symbol, value)
  local c = control (processor, plugin, symbol)
  return ARDOUR.LuaAPI.set_processor_param (processor, c.nth, value)
end

local function near (a, b) return math.abs (a - b) <= 1e-5 * math.max (1, math.abs (a), math.abs (b)) end

local function note_values (processor, plugin, name)
  local file = io.open (dir .. "/" .. name, "w")
  for index, c in pairs (controls (processor, plugin)) do file:write (string.format ("%d %.9g\n", index, c.value)) end
  file:close ()
end

local function check_values (processor, plugin, name)
  local now, different = controls (processor, plugin), 0
  for line in io.lines (dir .. "/" .. name) do
    local index, value = line:match ("^(%d+) (%S+)$")
    if not near (now[tonumber (index)].value, tonumber (value)) then
      different = different + 1
      say ("port", line, "is now", now[tonumber (index)].value)
    end
  end
  check (different == 0, "after saving and opening, all controls are as in " .. name)
end

local function export (session, name)
  local exporter = session:simple_export ()
  exporter:set_preset ("d1ff0000-0000-4000-8000-000000000002") -- made by ardour.sh: float, nothing normalised
  exporter:set_folder (dir)
  exporter:set_name (name)
  exporter:set_range (0, frames)
  check (exporter:run_export (), "exports " .. name .. ".wav")
end

local function open ()
  local session = load_session (folder, "session")
  assert (session, "the session does not open")
  return session
end

local function create ()
  local session = assert (create_session (folder, "session", rate), "no session")
  session:cfg ():set_use_region_fades (false)
  session:cfg ():set_use_transport_fades (false)
  session:new_audio_track (channels, 2, nil, 1, "voice", ARDOUR.PresentationInfo.max_order,
                           ARDOUR.TrackMode.Normal, true)
  local route = session:route_by_name ("voice")
  -- Lua cannot import in Ardour 7.3: silence is bounced into a region, whose files ardour.sh then overwrites.
  local region = route:to_track ():bounce_range (0, frames, ARDOUR.InterThreadInfo (), route:nth_processor (0), true,
                                                 "clip")
  assert (region and not region:isnil (), "bounce failed")
  route:to_track ():playlist ():add_region (region, Temporal.timepos_t (0), 1, false)
  local processor = ARDOUR.LuaAPI.new_plugin (session, uri, ARDOUR.PluginType.LV2, "")
  assert (not processor:isnil (), "plugin does not load: " .. uri)
  check (route:add_processor_by_index (processor, 0, nil, true) == 0, "plugin sits on the track: " .. uri)
  local processor, plugin = plugin_of (session)
  check (processor:to_insert ():get_count () == 1, "one instance")
  for _, s in ipairs (settings) do
    check (set (processor, plugin, s.symbol, s.value), s.symbol .. " set to " .. s.value)
  end
  note_values (processor, plugin, "values_set")
  check (session:save_state ("") == 0, "session saves")
end

local function play_in_real_time (session, processor)
  local insert = processor:to_insert ()
  session:goto_start (false)
  sleep (0.5)
  insert:clear_stats ()
  session:request_roll (ARDOUR.TransportRequestSource.TRS_UI)
  sleep (2)
  check (session:transport_rolling () and session:transport_sample () > rate,
         "transport rolls in real time: sample " .. session:transport_sample ())
  local has_stats, stats = insert:get_stats (0, 0, 0, 0)
  if has_stats then
    say (string.format ("us per cycle of %d frames: %d to %d, mean %.0f", session:get_block_size (), stats[1],
                        stats[2], stats[3]))
  end
  check (insert:signal_latency () == rate * 15 // 1000, "reports its latency: " .. insert:signal_latency () .. " frames")
  session:request_stop (false, false, ARDOUR.TransportRequestSource.TRS_UI)
  sleep (0.5)
end

-- As Ardour's preset menu lists them.
local function find_preset ()
  local count, found = 0, nil
  for info in ARDOUR.LuaAPI.list_plugins ():iter () do
    if info.unique_id == uri then
      for p in info:get_presets ():iter () do
        count = count + 1
        if p.uri == preset then found = { label = p.label, uri = p.uri } end
      end
    end
  end
  say (count, "presets in the menu")
  return found
end

local function play ()
  local session = open ()
  local processor, plugin = plugin_of (session)
  check_values (processor, plugin, "values_set")
  for _, s in ipairs (settings) do
    check (near (control (processor, plugin, s.symbol).value, s.value), s.symbol .. " is " .. s.value)
  end
  export (session, "wet")
  export (session, "wet_again")
  set (processor, plugin, "enabled", 0) -- as Ardour's own switch does for a plugin that has this control
  export (session, "bypassed")
  set (processor, plugin, "enabled", 1)
  play_in_real_time (session, processor)
  local found = find_preset ()
  if check (found, "the menu has " .. preset) then
    check (plugin:load_preset (plugin:preset_by_uri (found.uri)), "preset loads: " .. found.label)
    sleep (0.5)
    check (plugin:last_preset ().uri == preset, "Ardour remembers the preset")
    note_values (processor, plugin, "values_preset")
    export (session, "preset")
  end
  check (session:save_state ("") == 0, "session saves")
end

local function automate ()
  local session = open ()
  local processor, plugin = plugin_of (session)
  check_values (processor, plugin, "values_preset")
  export (session, "preset_reopened")
  local c, index = control (processor, plugin, automated_symbol)
  local _, list = ARDOUR.LuaAPI.plugin_automation (processor, c.nth)
  for i = 0, 20 do
    local value = automate_from + (automate_to - automate_from) * i / 20
    list:add (Temporal.timepos_t (frames * i // 20), value, false, true)
  end
  local parameter = Evoral.Parameter (ARDOUR.AutomationType.PluginAutomation, 0, index)
  processor:to_automatable ():automation_control (parameter, false):set_automation_state (ARDOUR.AutoState.Play)
  check (session:save_state ("") == 0, "session saves with " .. automated_symbol .. " automated")
  export (session, "automated")
end

local function reopen ()
  local session = open ()
  export (session, "automated_reopened")
end

local stages = { create = create, play = play, automate = automate, reopen = reopen }
stages[stage] ()
close_session ()
say (failures == 0 and "stage passed" or failures .. " failures")
quit ()
