package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// syntaxLine finds the line in an error of the parser, which has it in its
// text only.
var syntaxLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

// checkFile notes the line of every key, and refuses keys that do not exist
// or stand twice. It returns the text without what stands twice, and whether
// it can be read further.
func (l *loader) checkFile(content []byte) (rest []byte, readable bool) {
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil {
		p := Problem{Reason: ReasonSyntax, Text: err.Error()}
		if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			p.Text = m[2]
		}
		l.add(p)
		return nil, false
	}
	if len(root.Content) == 0 {
		return content, true // an empty file
	}
	top := root.Content[0]
	l.checkSection(top, reflect.TypeFor[Config](), "")
	if top.Kind != yaml.MappingNode {
		return nil, len(l.problems) == 0 // null is an empty file too
	}
	if !l.twice {
		return content, true
	}
	rest, err := yaml.Marshal(&root)
	return rest, err == nil
}

func (l *loader) checkSection(node *yaml.Node, t reflect.Type, prefix string) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		if node.Tag != "!!null" {
			l.add(Problem{Reason: ReasonBadValue, Key: trim(prefix), Line: node.Line, Text: "keys are expected here"})
		}
		return
	}
	known := map[string]reflect.Type{}
	var names []string
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("koanf")
		known[name] = t.Field(i).Type
		names = append(names, name)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		path := prefix + name.Value
		if _, twice := l.lines[path]; twice {
			node.Content = slices.Delete(node.Content, i, i+2)
			i -= 2
			l.twice = true
			l.add(Problem{Reason: ReasonTwice, Key: path, Line: name.Line, Text: "stands twice"})
			continue
		}
		l.lines[path] = name.Line
		typ, ok := known[name.Value]
		if !ok {
			l.add(Problem{Reason: ReasonUnknownKey, Key: path, Line: name.Line, Text: "no such key", Suggest: nearest(name.Value, names)})
			continue
		}
		l.checkValue(value, typ, path)
	}
}

func (l *loader) checkValue(value *yaml.Node, t reflect.Type, path string) {
	inner, list := section(t)
	switch {
	case inner == nil:
	case !list:
		l.checkSection(value, inner, path+".")
	case value.Kind != yaml.SequenceNode:
		if value.Tag != "!!null" {
			l.add(Problem{Reason: ReasonBadValue, Key: path, Line: value.Line, Text: "a list is expected here"})
		}
	default:
		for i, item := range value.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			l.lines[at] = item.Line
			l.checkSection(item, inner, at+".")
		}
	}
}

func trim(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix[:len(prefix)-1]
}
