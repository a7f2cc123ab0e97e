/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kata-toml FILE: reads one TOML 1.0 file and prints it as JSON in which every scalar is {"type": ..., "value": "..."},
 * so that a reader can tell a date from a string. A program of its own: nothing that stays in memory pays for the C++
 * library. A bad file is one line on stderr, "FILE:LINE:COLUMN: reason", and exit status 1.
 */
#define TOML_EXCEPTIONS        0
#define TOML_ENABLE_FORMATTERS 0
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <toml++/toml.h>

#include <sstream>
#include <string>

static const size_t FILE_MAX_BYTES = 1 << 20;

static std::string quoted(std::string_view text)
{
	json_object *value = json_object_new_string_len(text.data(), static_cast<int>(text.size()));
	std::string json = json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE);

	json_object_put(value);
	return json;
}

static std::string scalar(const char *type, const std::string &value)
{
	return std::string("{\"type\":\"") + type + "\",\"value\":" + quoted(value) + "}";
}

template <typename T> static std::string text_of(const T &value)
{
	std::ostringstream out;

	out << value;
	return out.str();
}

static std::string text_of_float(double value)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%.17g", value);
	return text;
}

static std::string json_of(const toml::node &node);

static std::string json_of(const toml::table &table)
{
	std::string json;

	for (const auto &[name, member] : table)
		json += (json.empty() ? "" : ",") + quoted(name.str()) + ":" + json_of(member);
	return "{" + json + "}";
}

static std::string json_of(const toml::array &array)
{
	std::string json;

	for (const auto &member : array)
		json += (json.empty() ? "" : ",") + json_of(member);
	return "[" + json + "]";
}

static std::string json_of(const toml::node &node)
{
	switch (node.type()) {
	case toml::node_type::table:
		return json_of(*node.as_table());
	case toml::node_type::array:
		return json_of(*node.as_array());
	case toml::node_type::string:
		return scalar("string", node.as_string()->get());
	case toml::node_type::integer:
		return scalar("integer", std::to_string(node.as_integer()->get()));
	case toml::node_type::floating_point:
		return scalar("float", text_of_float(node.as_floating_point()->get()));
	case toml::node_type::boolean:
		return scalar("bool", node.as_boolean()->get() ? "true" : "false");
	case toml::node_type::date:
		return scalar("date-local", text_of(node.as_date()->get()));
	case toml::node_type::time:
		return scalar("time-local", text_of(node.as_time()->get()));
	case toml::node_type::date_time:
		return scalar(node.as_date_time()->get().offset ? "datetime" : "datetime-local",
		              text_of(node.as_date_time()->get()));
	case toml::node_type::none:
		break;
	}
	return "null";
}

static bool read_file(const char *path, std::string &text)
{
	char block[4096];
	size_t n;
	FILE *in = fopen(path, "rbe");

	if (!in)
		return false;
	while ((n = fread(block, 1, sizeof(block), in)) > 0 && text.size() <= FILE_MAX_BYTES)
		text.append(block, n);
	if (text.size() > FILE_MAX_BYTES)
		errno = EFBIG;
	const bool good = !ferror(in) && text.size() <= FILE_MAX_BYTES;
	const int reason = errno;
	(void)fclose(in);
	errno = reason;
	return good;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: kata-toml FILE\n");
		return 2;
	}
	std::string text;
	if (!read_file(argv[1], text)) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	const toml::parse_result result = toml::parse(text);
	if (!result) {
		fprintf(stderr, "%s:%u:%u: %s\n", argv[1], result.error().source().begin.line,
		        result.error().source().begin.column, std::string(result.error().description()).c_str());
		return 1;
	}
	puts(json_of(result.table()).c_str());
	return 0;
}
