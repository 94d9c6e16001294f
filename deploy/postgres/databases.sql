-- One database and one owner a service: nobody reads another's tables.
CREATE ROLE applications LOGIN;
CREATE ROLE agreements LOGIN;
CREATE ROLE pseudonymisation LOGIN;
CREATE ROLE dissemination LOGIN;
CREATE DATABASE applications OWNER applications;
CREATE DATABASE agreements OWNER agreements;
CREATE DATABASE pseudonymisation OWNER pseudonymisation;
CREATE DATABASE dissemination OWNER dissemination;
