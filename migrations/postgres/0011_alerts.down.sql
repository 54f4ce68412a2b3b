drop table alert_brakes;
drop table alert_deliveries;
drop table alert_messages;
drop table alert_notices;
drop table alert_silences;
drop table alert_states;
drop table alert_rules;
