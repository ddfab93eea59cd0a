package config

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/kofo-network/kofo/htlc"
)

// Print writes the effective configuration as YAML that Load reads again, but
// for its secrets, which are left out or redacted.
func (c Config) Print(w io.Writer) error {
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(c.Tree()); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	return encoder.Close()
}

// Tree is the effective configuration for encoders, redacted.
func (c Config) Tree() any { return tree(reflect.ValueOf(c)) }

func tree(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case time.Duration:
		return value.String()
	case Secret:
		return value.String()
	case htlc.Amount:
		return value.String()
	}
	switch v.Kind() {
	case reflect.Slice:
		items := make([]any, v.Len())
		for i := range items {
			items[i] = tree(v.Index(i))
		}
		return items
	case reflect.Struct:
		out := ordered{}
		for i := range v.NumField() {
			out = append(out, entry{v.Type().Field(i).Tag.Get("koanf"), tree(v.Field(i))})
		}
		return out
	default:
		return v.Interface()
	}
}

// ordered keeps the keys in the order of the struct, in which people look
// for them.
type ordered []entry

type entry struct {
	name  string
	value any
}

// MarshalYAML writes the entries in their order.
func (o ordered) MarshalYAML() (any, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, e := range o {
		var name, value yaml.Node
		if err := name.Encode(e.name); err != nil {
			return nil, err
		}
		if err := value.Encode(e.value); err != nil {
			return nil, err
		}
		node.Content = append(node.Content, &name, &value)
	}
	return node, nil
}

// MarshalJSON writes them as an object, which has no order.
func (o ordered) MarshalJSON() ([]byte, error) {
	m := make(map[string]any, len(o))
	for _, e := range o {
		m[e.name] = e.value
	}
	return json.Marshal(m)
}
